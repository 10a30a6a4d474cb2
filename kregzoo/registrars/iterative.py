"""Iterative registration with any metric, transform model, optimizer and pyramid.

This is the classical framework of survey section 3. The same class does the affine
alignment before a network, the refinement of a network prediction, and the registration
by a learned metric.
"""

import functools

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.registrars.canonical_pair import CanonicalPair, default_preprocessor
from kregzoo.registrars.checks import judge
from kregzoo.registrars.optimizers import SciPy, minimize
from kregzoo.registrars.registration import Registration, Timer, field_transform
from kregzoo.registrars.transform_models import Affine, LinearModel
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    as_image,
)
from kregzoo.utils.progress import progress_bar

# If the overlap is below this fraction of the grid, all voxels are compared.
SMALL = 0.25


class IterativeRegistrar:
    """Register a pair by minimizing a metric over the parameters of a transform.

    Args:
        metric: a loss of `kregzoo.losses`, or a Keras model called on
            `{"moving": warped, "fixed": fixed}` whose mean output is the cost.
        transform: a transform model: `Rigid()`, `Affine()`, `BSpline(spacing)`,
            `Velocity(factor)` or `Displacement(factor)`. Defaults to `Affine()`.
        optimizer: a Keras optimizer, or a `SciPy`. Defaults to `SciPy("L-BFGS-B")`.
        levels: tuple of pairs `(factor, steps)`, coarse to fine: the downsampling
            factor of the canonical grid, and the maximum number of iterations.
        regularizers: tuple of pairs `(loss, weight)`, for example
            `(BendingEnergy(), 0.1)`. The losses take the displacement in voxels.
        preprocessor: the `Preprocessor` that makes the canonical grid. Defaults to a
            grid of 2 mm.

    Example:
        >>> from kregzoo.losses import NCC
        >>> aligner = IterativeRegistrar(NCC(), Affine())
        >>> blob = np.exp(-np.linspace(-3, 3, 32) ** 2)
        >>> fixed = np.multiply.outer(blob, blob)
        >>> result = aligner.register(np.roll(fixed, 3, axis=0), fixed, progress=False)
    """

    def __init__(
        self,
        metric,
        transform=None,
        optimizer=None,
        levels=((4, 60), (2, 40)),
        regularizers=(),
        preprocessor=None,
    ):
        self.metric = metric
        self.transform = transform or Affine()
        optimizer = optimizer or SciPy()
        if not isinstance(optimizer, SciPy):
            optimizer = keras.optimizers.serialize(optimizer)
        self.optimizer = optimizer
        self.levels = tuple(levels)
        self.regularizers = tuple(regularizers)
        self.preprocessor = preprocessor
        gradient_free = isinstance(optimizer, SciPy) and optimizer.gradient_free
        # Compiled once per shape, and reused for all pairs.
        self._evaluate = ops.compiled(
            self._value if gradient_free else self._gradient,
            model=metric if isinstance(metric, keras.Model) else None,
        )

    def register(
        self,
        moving,
        fixed,
        *,
        initial=None,
        moving_mask=None,
        fixed_mask=None,
        progress=True,
    ):
        """Register two images.

        Args:
            moving: path, nibabel image, array or `kregzoo.spatial.Image`.
            fixed: like `moving`.
            initial: transform from fixed to moving world to start from. Defaults to the
                translation that aligns the centers of the foregrounds.
            moving_mask: mask image in the moving space. Voxels at 0 are ignored.
            fixed_mask: like `moving_mask`, in the fixed space.
            progress: bool. Show a progress bar.

        Returns:
            A `Registration`. If it cannot be trusted, its `warnings` say why, and a
            `RegistrationWarning` is issued.

        Raises:
            ValueError: If an image is unusable.
        """
        timer = Timer()
        moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
        frame = self.preprocessor or default_preprocessor(fixed.grid.ndim)
        pair = CanonicalPair(frame, moving, fixed, initial, moving_mask, fixed_mask)
        parameters = self.optimize(**pair.tensors(), progress=progress)
        transform = self.to_world(parameters, pair)
        timer.lap("optimize")
        result = Registration(moving, fixed, transform, timer.seconds())
        return judge(result, pair, timer)

    def optimize(
        self,
        moving,
        fixed,
        start=None,
        moving_mask=None,
        fixed_mask=None,
        levels=None,
        progress=False,
        label="Registering",
    ):
        """Minimize the metric of two arrays on one grid.

        Args:
            moving: tensor `(1, *spatial, C)`.
            fixed: tensor `(1, *spatial, C)`.
            start: initial parameters of the transform model on this grid. Defaults to
                the identity.
            moving_mask: tensor `(1, *spatial, 1)` in [0, 1], or None for all ones.
            fixed_mask: tensor `(1, *spatial, 1)` in [0, 1], or None for all ones.
            levels: pyramid. Defaults to the `levels` of the registrar.
            progress: bool. Show a progress bar.
            label: str. Label of the progress bar.

        Returns:
            The parameters on this grid, a float32 array.
        """
        levels = self.levels if levels is None else levels
        shape = tuple(fixed.shape[1:-1])
        parameters = self.transform.initial(shape) if start is None else start
        images = {"moving": moving, "fixed": fixed}
        masks = {"moving_mask": moving_mask, "fixed_mask": fixed_mask}
        images |= {name: mask for name, mask in masks.items() if mask is not None}
        current = shape
        total = sum(steps for _, steps in levels)
        with progress_bar(total, progress, label) as advance:
            for factor, steps in levels:
                level = tuple(max(4, round(size / factor)) for size in shape)
                small = _resized(images, level)
                parameters = self.transform.resize(parameters, current, level)
                current = level
                objective = functools.partial(self._objective, small)
                parameters = minimize(
                    objective, parameters, self.optimizer, steps, advance
                )
        return kops.convert_to_numpy(self.transform.resize(parameters, current, shape))

    def to_world(self, parameters, pair):
        """Convert parameters on the grid of a canonical pair to a world transform."""
        if isinstance(self.transform, LinearModel):
            matrix = self.transform.affine(parameters, pair.grid.shape)
            found = affine_to_world(kops.convert_to_numpy(matrix)[0], pair.grid)
        else:
            field = self.transform.displacement(parameters, pair.grid.shape)
            found = field_transform(field, pair.grid)
        return followed_by(pair.initial, found)

    def _objective(self, images, parameters):
        return self._evaluate(parameters, images)

    def _value(self, parameters, images):
        return self._cost(parameters, **images), None

    def _gradient(self, parameters, images):
        value, gradients = ops.value_and_grad(
            lambda p: self._cost(p, **images), [parameters]
        )
        return value, gradients[0]

    def _cost(self, parameters, moving, fixed, moving_mask=None, fixed_mask=None):
        shape = tuple(fixed.shape[1:-1])
        displacement = self.transform.displacement(parameters, shape)
        where = kops.add(displacement, ops.identity_grid(shape))
        mask = _overlap(ops.inside(where, shape))
        if moving_mask is None:
            warped = ops.warp(moving, displacement)
        else:
            # Interpolate only between voxels inside of the mask.
            seen = ops.warp(moving_mask, displacement)
            warped = ops.warp(moving * moving_mask, displacement)
            warped = warped / kops.maximum(seen, 1e-6)
            mask = mask * seen
        if fixed_mask is not None:
            mask = mask * fixed_mask
        if isinstance(self.metric, keras.Model):
            judged = self.metric({"moving": warped, "fixed": fixed})
            cost = sum(kops.mean(value) for value in keras.tree.flatten(judged))
        else:
            cost = kops.mean(self.metric.call(fixed, warped, mask))
        for regularizer, weight in self.regularizers:
            cost += weight * kops.mean(regularizer.call(displacement, displacement))
        return cost


def _resized(images, shape):
    """Downsample images, excluding masked voxels."""
    small = {n: ops.resize(i, shape, antialias=True) for n, i in images.items()}
    for name in ("moving", "fixed"):
        mask = images.get(f"{name}_mask")
        if mask is not None:
            seen = ops.resize(images[name] * mask, shape, antialias=True)
            small[name] = seen / kops.maximum(small[f"{name}_mask"], 1e-6)
    return small


def _overlap(inside):
    """Return the overlap, or all voxels if the overlap is very small.

    This prevents the trivial optimum of moving the image out of view.
    """
    share = kops.mean(inside, axis=tuple(range(1, len(inside.shape))), keepdims=True)
    return kops.where(share < SMALL, kops.ones_like(inside), inside)


def affine_to_world(matrix, grid):
    """Convert a `(D, D + 1)` affine in voxels about the grid center to world mm."""
    ndim = grid.ndim
    center = (np.array(grid.shape) - 1) / 2
    voxels = np.eye(ndim + 1)
    voxels[:-1, :-1] = matrix[:, :-1]
    voxels[:-1, -1] = center + matrix[:, -1] - matrix[:, :-1] @ center
    return AffineTransform(grid.affine @ voxels @ np.linalg.inv(grid.affine))


def followed_by(second, first):
    """Compose two transforms, applied to points in the order `first`, `second`.

    The composition of two affine transforms is an `AffineTransform`.
    """
    if isinstance(first, AffineTransform) and isinstance(second, AffineTransform):
        return AffineTransform(second.matrix @ first.matrix)
    return CompositeTransform([first, second])
