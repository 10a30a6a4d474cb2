"""Dataset of observations of misaligned images with the optimal Q-values."""

import functools

import keras
import numpy as np

from kregzoo import ops
from kregzoo.agents.actions import optimal_q_values
from kregzoo.spatial import Grid
from kregzoo.training.random_dataset import RandomDataset

# Observations drawn from one image at a time.
TOGETHER = 4


class OptimalQValues(RandomDataset):
    """Draw observations of misaligned copies of an image, with optimal Q-values.

    Each item is `(views, values)`. For each stage, `views` holds `"<layer>_view"`,
    `(batch, *shape, 2)`, the moving and the fixed image in the form of `VolumeView`,
    and `values` holds `"<layer>"`, `(batch, A)`, from `optimal_q_values`.

    Both images have one random pose about a random foreground voxel in the middle half
    of the image, because an agent sees the middle of an image. The moving image is then
    displaced by a random residual. Each entry of the residual is multiplied by a random
    factor, drawn uniformly from [0, 1], and the translations are 0 in half of the
    draws. Otherwise agents see too few states with only a rotation left, and never
    learn to rotate. (Liao et al., AAAI 2017, sample states near alignment more
    densely.)

    Args:
        images: list of normalized `Image`.
        stages: tuple of `Stage`.
        pose: the `Pose` of both images.
        degrade: callable of a generator and an array `(*shape,)` that simulates another
            modality of the fixed image, for example cone-beam CT. Defaults to no
            simulation.
        batch_size: int, a multiple of 4, because four views are drawn from one image.
        **kwargs: Arguments of `RandomDataset`.

    Raises:
        ValueError: If `batch_size` is not a multiple of 4.
    """

    labels = None

    def __init__(
        self,
        images,
        stages,
        pose,
        degrade=None,
        batch_size=32,
        steps_per_epoch=2,
        **kwargs,
    ):
        super().__init__(batch_size, steps_per_epoch, **kwargs)
        if batch_size < 1 or batch_size % TOGETHER:
            raise ValueError(
                f"`batch_size` must be a multiple of {TOGETHER}. "
                f"Received: batch_size={batch_size}"
            )
        self.stages = stages
        self.pose = pose
        self.degrade = degrade
        self.grid = Grid.centered(stages[0].shape, stages[0].spacing)
        self._affines = [image.grid.affine for image in images]
        # Convert to tensors now. Otherwise each draw would copy an image to the device.
        self._arrays = [
            keras.ops.convert_to_tensor(image.array.astype("float32")[None, ..., None])
            for image in images
        ]
        self._inside = [_inside(image.array) for image in images]
        self._sample = ops.compiled(functools.partial(ops.sample, fill="zeros"))

    def draw(self, rng, index):
        """Draw a batch; see `RandomDataset`."""
        views, values = {}, {}
        for stage in self.stages:
            groups = [
                self._views(rng, stage) for _ in range(self.batch_size // TOGETHER)
            ]
            seen, residuals = (np.concatenate(x) for x in zip(*groups, strict=True))
            views[f"{stage.layer}_view"] = seen
            values[stage.layer] = optimal_q_values(residuals).astype("float32")
        return views, values

    def _views(self, rng, stage):
        """Draw views of one image, `(TOGETHER, *shape, 2)`, and the residuals."""
        number = rng.integers(len(self._arrays))
        affine, inside = self._affines[number], self._inside[number]
        grid = Grid.centered(stage.shape, stage.spacing)
        worlds, residuals = [], []
        for _ in range(TOGETHER):
            world = self.pose.draw(rng, grid.center)
            world[:-1, -1] += (affine @ [*inside[rng.integers(len(inside))], 1])[:-1]
            residual = _residual(rng, stage)
            moved = world @ stage.motions.matrix(residual, grid.center)
            worlds += [moved, world]
            residuals.append(residual)
        images = self._sampled(number, grid, worlds)
        if self.degrade is not None:
            images[1::2] = [self.degrade(rng, image) for image in images[1::2]]
        return np.stack([images[::2], images[1::2]], axis=-1), residuals

    def _sampled(self, number, grid, matrices):
        """Resample an image by several transforms, `(len(matrices), *shape)`."""
        to_voxels = np.linalg.solve(self._affines[number], matrices)
        # Concatenate the grids along an axis, to resample in a single call.
        coordinates = np.concatenate(
            [grid.coordinates_in(np.linalg.inv(matrix)) for matrix in to_voxels]
        )
        values = self._sample(self._arrays[number], coordinates[None])
        values = keras.ops.convert_to_numpy(values)[0, ..., 0]
        return values.reshape(len(matrices), *grid.shape).copy()


def _inside(array):
    """List the foreground voxels in the middle half of an image, `(count, D)`."""
    voxels = np.argwhere(array > 0.5 * array.mean())
    middle = np.array(array.shape) / 2
    return voxels[np.all(np.abs(voxels - middle) <= middle / 2, axis=1)]


def _residual(rng, stage):
    size, ndim = stage.motions.degrees_of_freedom, stage.motions.ndim
    ranges = np.repeat(stage.reach, [ndim, size - ndim])
    residual = rng.uniform(-ranges, ranges) * rng.random(size)
    if rng.random() < 0.5:
        residual[:ndim] = 0.0
    return residual
