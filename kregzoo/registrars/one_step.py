"""Registration by one or a few passes of a network."""

import dataclasses

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses import LNCC, Gradient, JacobianFolding
from kregzoo.registrars.alignment import ALIGNMENTS, affine_aligner, align
from kregzoo.registrars.iterative import (
    IterativeRegistrar,
    affine_to_world,
    followed_by,
)
from kregzoo.registrars.registrar import Registrar
from kregzoo.registrars.registration import Registration, field_transform
from kregzoo.registrars.transform_models import Displacement, Velocity
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    VelocityTransform,
)

# Learning rate of the instance optimization, in voxels per step at half resolution.
REFINEMENT_RATE = 0.05
# Weight of the mean negative Jacobian determinant, large because few voxels fold.
FOLDING_WEIGHT = 300.0
FIELD_FACTOR = 2
# The outputs used of a network that predicts a displacement.
DISPLACING = ("affine", "displacement", "inverse_displacement")


@dataclasses.dataclass(frozen=True)
class Refinement:
    """Objective of the instance optimization that starts from a network prediction.

    The optimization changes the velocity if the network predicts one, otherwise the
    displacement. Folds are always penalized.

    Args:
        metric: loss of the warped image.
        regularizers: tuple of pairs `(loss, weight)`. The losses take the displacement.

    Example:
        >>> Refinement(LNCC(window=5)).regularizers[0][1]
        1.0
    """

    metric: keras.losses.Loss = LNCC()
    regularizers: tuple = ((Gradient(), 1.0),)


class OneStepRegistrar(Registrar):
    """Register by preprocessing, alignment, network passes and optional refinement.

    The outputs of the network determine the transform:

    - Velocity: the network predicts both directions, and half of the difference is
      used.
    - Affine only: the network predicts both directions, and half of the difference of
      the matrix logarithms is used. The iterative alignment refines it.
    - Affine and displacement: the affine part also applies outside of the canonical
      grid. Refinement does not change it.
    - Inverse displacement: the result has a `predicted_inverse` if it is not refined.

    Args:
        model: a network called on `{"moving": ..., "fixed": ...}` that returns
            `"affine"`, `"displacement"` or both, and optionally `"velocity"` and
            `"inverse_displacement"`.
        preprocessor: the `Preprocessor` that the network was trained with.
        refinement: the `Refinement` that `refine` runs. Defaults to `Refinement()`.
        alignment: Initial alignment: `"affine"` for an iterative alignment,
            `"centers"` of the foregrounds, or `"none"` for images that share a world.
        preset: the `Preset` that the network was loaded from. Defaults to none.

    Attributes:
        passes: int. Default number of passes.

    Raises:
        ValueError: If `alignment` is unknown.

    Example:
        >>> import kregzoo
        >>> registrar = kregzoo.load("voxelmorph_brain_t1")
        >>> registrar.preprocessor.spacing
        2.0
    """

    def __init__(
        self,
        model,
        preprocessor,
        refinement=None,
        alignment="affine",
        preset=None,
    ):
        if alignment not in ALIGNMENTS:
            raise ValueError(
                f"`alignment` must be one of {ALIGNMENTS}. Received: {alignment!r}"
            )
        refinement = refinement or Refinement()
        super().__init__(model, preprocessor, preset)
        self.alignment = alignment
        self._aligner = affine_aligner(preprocessor)
        fields = [k for k in ("velocity", "displacement") if k in model.output]
        self._field = fields[0] if fields else None
        passes = {"passes"} if fields else set()
        self.capabilities = frozenset({"refine", "export"} | passes)
        kind = Velocity if self._field == "velocity" else Displacement
        self._refiner = IterativeRegistrar(
            refinement.metric,
            kind(FIELD_FACTOR),
            keras.optimizers.Adam(REFINEMENT_RATE),
            regularizers=(
                *refinement.regularizers,
                (JacobianFolding(), FOLDING_WEIGHT),
            ),
        )
        # Compile the network and the symmetrization as one function per shape.
        self._predict = ops.compiled(self._outputs, model=model)

    @classmethod
    def from_preset(cls, model, preset, recipe, **arguments):
        return super().from_preset(
            model,
            preset,
            recipe,
            refinement=recipe.refinement,
            alignment=recipe.data.alignment,
            **arguments,
        )

    def _register(self, moving, fixed, pair, work, timer):
        if not pair.started:
            pair = align(pair, self.alignment, self._aligner, work.progress)
        tensors = pair.tensors()
        timer.lap("affine")
        pair, field, inverse = self._pass(pair, tensors)
        for _ in range(work.passes - 1):
            pair = pair.with_initial(self._followed(field, pair))
            pair, field, inverse = self._pass(pair, pair.tensors(), inverse)
        timer.lap("network")
        if field is None:
            transform = self._refined_affine(pair, work)
        else:
            if work.refine:
                field = self._refine(field, pair.tensors(), work)
            transform = self._followed(field, pair)
        if work.refine:
            timer.lap("refine")
            inverse = None
        return Registration(moving, fixed, transform, timer.seconds(), inverse)

    def _pass(self, pair, tensors, inverse=None):
        """Run the network once.

        Args:
            pair: `CanonicalPair`.
            tensors: `pair.tensors()`.
            inverse: the predicted inverse of `pair.initial`, if any.

        Returns:
            The pair with the predicted affine part in its initial transform; the field
            that precedes this transform, or None if the network is affine; and the
            predicted inverse of both, or None.
        """
        outputs = self._predict(tensors["moving"], tensors["fixed"])
        outputs = {name: kops.convert_to_numpy(x) for name, x in outputs.items()}
        affine, field = outputs.get("affine"), outputs.get(self._field)
        if field is None:
            affine = _half_difference(affine, outputs["back"])
        elif affine is not None:
            field = _residual(affine, field)
        if affine is not None:
            world = affine_to_world(affine[0], pair.grid)
            pair = pair.with_initial(followed_by(pair.initial, world))
        return pair, field, self._inverse(outputs, pair, inverse)

    def _outputs(self, moving, fixed):
        outputs = self.model({"moving": moving, "fixed": fixed})
        if self._field == "displacement":
            return {name: outputs[name] for name in DISPLACING if name in outputs}
        # Half of the difference of both directions is inverse consistent, and less
        # noisy than a single direction.
        back = self.model({"moving": fixed, "fixed": moving})
        if self._field == "velocity":
            return {"velocity": (outputs["velocity"] - back["velocity"]) / 2}
        return {"affine": outputs["affine"], "back": back["affine"]}

    def _inverse(self, outputs, pair, earlier):
        """Make the predicted inverse transform, or None if there is none."""
        if isinstance(pair.initial, AffineTransform):
            earlier = pair.initial.inverse()
        field = outputs.get("inverse_displacement")
        # Initial transforms that are not affine may not have an inverse.
        if field is None or earlier is None:
            return None
        return CompositeTransform([earlier, self._to_world(field, pair.grid)])

    def _refined_affine(self, pair, work):
        if not work.refine:
            return pair.initial
        found = self._aligner.optimize(
            **pair.tensors(),
            levels=((1, work.refine),),
            progress=work.progress,
            label="Refining",
        )
        return self._aligner.to_world(found, pair)

    def _refine(self, field, tensors, work):
        shape = tensors["fixed"].shape[1:-1]
        start = self._refiner.transform.parameters(field, shape)
        found = self._refiner.optimize(
            **tensors,
            start=start,
            levels=((1, work.refine),),
            progress=work.progress,
            label="Refining",
        )
        if self._field == "velocity":
            return found
        return self._refiner.transform.displacement(found, shape)

    def _followed(self, field, pair):
        """Make the world transform of a field and then the pair's initial transform."""
        return CompositeTransform([self._to_world(field, pair.grid), pair.initial])

    def _to_world(self, field, grid):
        if self._field == "displacement":
            return field_transform(field, grid)
        # The field has half or full resolution, with the same field of view.
        own = grid.resampled(grid.extent / field.shape[1:-1])
        return field_transform(field, own, VelocityTransform)


def _half_difference(there, back):
    """Average the affine of one direction and the inverse of the other direction.

    Args:
        there: array `(1, D, D + 1)` in voxels about the center.
        back: array `(1, D, D + 1)` of the other direction.

    Returns:
        The exponential of half of the difference of the logarithms, `(1, D, D + 1)`. It
        is rigid if both affines are rigid.
    """
    from scipy import linalg

    bottom = np.eye(there.shape[-1])[-1:]
    logs = [linalg.logm(np.concatenate([m[0], bottom])) for m in (there, back)]
    # The logarithms of rotations well below 180 degrees are real, except for rounding.
    matrix = linalg.expm(np.real(logs[0] - logs[1]) / 2)
    return matrix[None, :-1].astype("float32")


def _residual(affine, field):
    """Compute the residual displacement that precedes the affine part.

    Args:
        affine: array `(1, D, D + 1)` in voxels about the center.
        field: array `(1, *spatial, D)`, the total displacement u in voxels.

    Returns:
        The displacement r with `affine(x + r(x)) = x + u(x)`.
    """
    shape = field.shape[1:-1]
    inverse = kops.convert_to_numpy(ops.invert_affine(affine))[0]
    points = kops.convert_to_numpy(ops.identity_grid(shape))
    center = (np.array(shape, "float32") - 1) / 2
    moved = (points + field - center) @ inverse[:, :-1].T + inverse[:, -1] + center
    return (moved - points).astype("float32")
