"""Registration by one pass of a network."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses import LNCC, Gradient, JacobianFolding
from kregzoo.registrars.alignment import affine_aligner
from kregzoo.registrars.iterative import CanonicalPair, IterativeRegistrar
from kregzoo.registrars.registration import Registration, Timer, field_transform
from kregzoo.registrars.transform_models import Displacement, Velocity
from kregzoo.spatial import CompositeTransform, VelocityTransform, as_image

# Of instance optimisation: in voxels a step, on the field at half resolution.
REFINEMENT_RATE = 0.05
# Of the mean negative Jacobian determinant; so large because few voxels ever fold.
FOLDING_WEIGHT = 300.0
FIELD_FACTOR = 2


class OneStepRegistrar:
    """Preprocesses, aligns affinely, runs a network once, and refines if asked.

    Args:
        model: a network called on `{"moving", "fixed"}` that returns `"displacement"`
            and, when it integrates one, `"velocity"`. A velocity is predicted in both
            directions, and half the difference taken.
        preprocessor: the `Preprocessor` that the network was trained with.
        metric: loss that `refine` minimises. Defaults to `LNCC()`.
        regularisers: tuple of pairs `(loss, weight)`, what else it minimises. Defaults
            to `((Gradient(), 1.0),)`. Folds are penalised in any case.
        metadata: dict, the preset's `metadata.json`.

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
        metric=None,
        regularisers=None,
        metadata=None,
    ):
        regularisers = ((Gradient(), 1.0),) if regularisers is None else regularisers
        self.model = model
        self.preprocessor = preprocessor
        self.metadata = metadata or {}
        self._aligner = affine_aligner(preprocessor)
        diffeomorphic = "velocity" in model.output
        kind = Velocity if diffeomorphic else Displacement
        self._field = "velocity" if diffeomorphic else "displacement"
        self._refiner = IterativeRegistrar(
            metric or LNCC(),
            kind(FIELD_FACTOR),
            keras.optimizers.Adam(REFINEMENT_RATE),
            regularisers=(*regularisers, (JacobianFolding(), FOLDING_WEIGHT)),
        )
        # One compiled function from both images to the field: traced once a shape.
        self._predict = ops.compiled(self._velocity if diffeomorphic else self._output)

    def register(
        self,
        moving,
        fixed,
        *,
        refine=0,
        initial=None,
        moving_mask=None,
        fixed_mask=None,
        progress=True,
    ):
        """Register two images.

        Args:
            moving: path, nibabel image, array or `kregzoo.spatial.Image`, in any
                orientation and spacing.
            fixed: likewise.
            refine: int. Iterations of optimising the field on this pair, from the
                network's answer.
            initial: transform from fixed to moving world, to be used in place of the
                affine alignment.
            moving_mask: mask image in the moving space: where it is 0, alignment and
                refinement do not look. The network does not read it.
            fixed_mask: likewise, in the fixed space.
            progress: bool. Show progress bars.

        Returns:
            A `Registration`.

        Raises:
            ValueError: for an image that is not usable, naming the argument, or a
                negative `refine`.
        """
        if refine < 0:
            raise ValueError(f"`refine` must not be negative. Received: {refine}")
        timer = Timer()
        moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
        pair = CanonicalPair(
            self.preprocessor, moving, fixed, initial, moving_mask, fixed_mask
        )
        timer.lap("read")
        if initial is None:
            found = self._aligner.optimise(
                **pair.tensors(), progress=progress, label="Aligning"
            )
            pair.initial = self._aligner.to_world(found, pair)
        tensors = pair.tensors()
        timer.lap("affine")
        field = self._predict(tensors["moving"], tensors["fixed"])
        field = kops.convert_to_numpy(field)
        timer.lap("network")
        if refine:
            field = self._refine(field, tensors, refine, progress)
            timer.lap("refine")
        deformable = self._to_world(field, pair.grid)
        transform = CompositeTransform([deformable, pair.initial])
        return Registration(moving, fixed, transform, timer.seconds())

    def _output(self, moving, fixed):
        return self.model({"moving": moving, "fixed": fixed})[self._field]

    def _velocity(self, moving, fixed):
        # Half the difference of both directions: exchanging the images inverts it, and
        # what is noise in one direction is halved.
        return (self._output(moving, fixed) - self._output(fixed, moving)) / 2

    def _refine(self, field, tensors, steps, progress):
        shape = tensors["fixed"].shape[1:-1]
        start = self._refiner.transform.parameters(field, shape)
        found = self._refiner.optimise(
            **tensors,
            start=start,
            levels=((1, steps),),
            progress=progress,
            label="Refining",
        )
        if self._field == "velocity":
            return found
        return self._refiner.transform.displacement(found, shape)

    def _to_world(self, field, grid):
        if self._field == "displacement":
            return field_transform(field, grid)
        # The field's own grid, at half or full resolution, with the same field of view.
        own = grid.resampled(grid.extent / field.shape[1:-1])
        return field_transform(field, own, VelocityTransform)
