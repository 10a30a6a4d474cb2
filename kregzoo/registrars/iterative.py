"""Iterative registration: any metric, transform model, optimiser and pyramid.

The classical frame of the survey's section 3. The same engine aligns affinely before a
network, refines a network's answer on its pair, and drives learned metrics.
"""

import functools

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.registrars.canonical_pair import CanonicalPair, default_preprocessor
from kregzoo.registrars.optimizers import SciPy, minimise
from kregzoo.registrars.registration import Registration, Timer, field_transform
from kregzoo.registrars.transform_models import Affine, LinearModel
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    as_image,
)
from kregzoo.utils.progress import progress_bar

# Share of the grid below which an overlap is next to nothing.
SMALL = 0.25


class IterativeRegistrar:
    """Registers a pair by minimising a metric over a transform's parameters.

    Args:
        metric: what to minimise: a loss of `kregzoo.losses`, or a Keras model called on
            `{"moving": warped, "fixed": fixed}` whose output's mean is the cost.
        transform: a transform model: `Rigid()`, `Affine()`, `BSpline(spacing)`,
            `Velocity(factor)` or `Displacement(factor)`. Defaults to `Affine()`.
        optimizer: a Keras optimiser, or a `SciPy`. Defaults to `SciPy("L-BFGS-B")`.
        levels: tuple of pairs `(factor, steps)`, coarse to fine: by how much the grid
            is coarser than the canonical one, and the most iterations there.
        regularisers: tuple of pairs `(loss, weight)`, losses on the displacement in
            voxels, such as `(BendingEnergy(), 0.1)`.
        preprocessor: the `Preprocessor` that makes the canonical grid. Defaults to one
            of 2 mm for the image's dimensions.

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
        regularisers=(),
        preprocessor=None,
    ):
        self.metric = metric
        self.transform = transform or Affine()
        optimizer = optimizer or SciPy()
        if not isinstance(optimizer, SciPy):
            optimizer = keras.optimizers.serialize(optimizer)
        self.optimizer = optimizer
        self.levels = tuple(levels)
        self.regularisers = tuple(regularisers)
        self.preprocessor = preprocessor
        gradient_free = isinstance(optimizer, SciPy) and optimizer.gradient_free
        # Compiled once a shape, whatever the number of pairs.
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
            fixed: likewise.
            initial: transform from fixed to moving world to start from. Defaults to the
                translation that aligns the centres of the foregrounds.
            moving_mask: mask image in the moving space; voxels at 0 do not count.
            fixed_mask: likewise, in the fixed space.
            progress: bool. Show a progress bar.

        Returns:
            A `Registration`.

        Raises:
            ValueError: for an image that is not usable.
        """
        timer = Timer()
        moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
        frame = self.preprocessor or default_preprocessor(fixed.grid.ndim)
        pair = CanonicalPair(frame, moving, fixed, initial, moving_mask, fixed_mask)
        parameters = self.optimise(**pair.tensors(), progress=progress)
        transform = self.to_world(parameters, pair)
        return Registration(moving, fixed, transform, timer.seconds())

    def optimise(
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
        """Minimise on arrays of one grid.

        Args:
            moving: tensor `(1, *spatial, C)`.
            fixed: tensor `(1, *spatial, C)`.
            start: the transform model's parameters on this grid; zeros if None.
            moving_mask: tensor `(1, *spatial, 1)` in [0, 1], or None for all ones.
            fixed_mask: likewise.
            levels: pyramid to use in place of the registrar's own.
            progress: bool. Show a progress bar.
            label: str. What the bar says.

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
                parameters = minimise(
                    objective, parameters, self.optimizer, steps, advance
                )
        return kops.convert_to_numpy(self.transform.resize(parameters, current, shape))

    def to_world(self, parameters, pair):
        """The world transform of parameters found on a canonical pair."""
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
            # Interpolated between those voxels alone that are seen.
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
        for regulariser, weight in self.regularisers:
            cost += weight * kops.mean(regulariser.call(displacement, displacement))
        return cost


def _resized(images, shape):
    """Images and masks on a coarser grid, where what a mask hides has no share."""
    small = {n: ops.resize(i, shape, antialias=True) for n, i in images.items()}
    for name in ("moving", "fixed"):
        mask = images.get(f"{name}_mask")
        if mask is not None:
            seen = ops.resize(images[name] * mask, shape, antialias=True)
            small[name] = seen / kops.maximum(small[f"{name}_mask"], 1e-6)
    return small


def _overlap(inside):
    """What the moving image covers, or all where that is next to nothing.

    An image that had left for good would otherwise fit whatever is left of it.
    """
    share = kops.mean(inside, axis=tuple(range(1, len(inside.shape))), keepdims=True)
    return kops.where(share < SMALL, kops.ones_like(inside), inside)


def affine_to_world(matrix, grid):
    """World transform of a `(D, D + 1)` affine in voxels about a grid's centre."""
    ndim = grid.ndim
    centre = (np.array(grid.shape) - 1) / 2
    voxels = np.eye(ndim + 1)
    voxels[:-1, :-1] = matrix[:, :-1]
    voxels[:-1, -1] = centre + matrix[:, -1] - matrix[:, :-1] @ centre
    return AffineTransform(grid.affine @ voxels @ np.linalg.inv(grid.affine))


def followed_by(second, first):
    """Two transforms as one, points going through `first`; of two affines an affine."""
    if isinstance(first, AffineTransform) and isinstance(second, AffineTransform):
        return AffineTransform(second.matrix @ first.matrix)
    return CompositeTransform([first, second])
