"""Views of misaligned images, and what each action is worth there."""

import keras
import numpy as np

from kregzoo import ops
from kregzoo.spatial import Grid
from kregzoo.spatial.motions import greedy_returns


class GreedyReturns(keras.utils.PyDataset):
    """Draws views of single images, displaced from themselves, with action values.

    Each item is `(views, values)`: `"<layer>_view"`, `(batch, *shape, 2)`, the moving
    image and the fixed one as `VolumeView` gives them, and `"<layer>"`, `(batch, A)` as
    `greedy_returns` does, of each stage. Both images are drawn in one random pose about
    a random voxel of the foreground; the moving one is then displaced by a residual
    each of whose entries has a scale of its own, drawn evenly, and whose translations
    are 0 in half of the draws: agents that see few states in which rotations alone are
    left never learn to turn (Liao et al., AAAI 2017, draw more densely near alignment).
    Item `i` of an epoch depends on the seed, the epoch and `i` alone.

    Args:
        images: list of normalised `Image`.
        stages: tuple of `Stage`.
        pose: the `Pose` of both images.
        degrade: callable of a generator and an array `(*shape,)` that makes the fixed
            image of another kind, such as a cone-beam CT; None to leave it.
        batch_size: int.
        seed: int.
        **kwargs: of `keras.utils.PyDataset`.
    """

    labels = None

    def __init__(
        self, images, stages, pose, degrade=None, batch_size=32, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        self.stages = stages
        self.pose = pose
        self.degrade = degrade
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.steps_per_epoch = 2
        self.grid = Grid.centred(stages[0].shape, stages[0].spacing)
        self._affines = [image.grid.affine for image in images]
        # Tensors at once, or each draw would copy a whole image to the device.
        self._arrays = [
            keras.ops.convert_to_tensor(image.array.astype("float32")[None, ..., None])
            for image in images
        ]
        self._inside = [
            np.argwhere(image.array > 0.5 * image.array.mean()) for image in images
        ]

    def __len__(self):
        return self.steps_per_epoch

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, self.epoch, index))
        views, values = {}, {}
        for stage in self.stages:
            drawn = [self._draw(rng, stage) for _ in range(self.batch_size)]
            seen, residuals = zip(*drawn, strict=True)
            views[f"{stage.layer}_view"] = np.stack(seen)
            values[stage.layer] = greedy_returns(residuals).astype("float32")
        return views, values

    def on_epoch_end(self):
        self.epoch += 1

    def _draw(self, rng, stage):
        number = rng.integers(len(self._arrays))
        affine, inside = self._affines[number], self._inside[number]
        voxel = inside[rng.integers(len(inside))]
        middle = affine[:-1, :-1] @ voxel + affine[:-1, -1]
        grid = Grid.centred(stage.shape, stage.spacing)
        world = self.pose.draw(rng, grid.centre)
        world[:-1, -1] += middle
        residual = _residual(rng, stage)
        moved = world @ stage.motions.matrix(residual, grid.centre)
        moving, fixed = (self._sampled(number, grid, m) for m in (moved, world))
        if self.degrade is not None:
            fixed = self.degrade(rng, fixed)
        return np.stack([moving, fixed], axis=-1), residual

    def _sampled(self, number, grid, matrix):
        to_voxels = np.linalg.solve(self._affines[number], matrix)
        coordinates = grid.coordinates_in(np.linalg.inv(to_voxels))[None]
        values = ops.sample(self._arrays[number], coordinates, fill="zeros")
        return keras.ops.convert_to_numpy(values)[0, ..., 0]


def _residual(rng, stage):
    size, ndim = stage.motions.degrees_of_freedom, stage.motions.ndim
    ranges = np.repeat(stage.reach, [ndim, size - ndim])
    residual = rng.uniform(-ranges, ranges) * rng.random(size)
    if rng.random() < 0.5:
        residual[:ndim] = 0.0
    return residual
