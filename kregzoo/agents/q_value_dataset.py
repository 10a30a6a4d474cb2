"""Views of misaligned images, and what each action is worth there."""

import functools

import keras
import numpy as np

from kregzoo import ops
from kregzoo.agents.actions import optimal_q_values
from kregzoo.spatial import Grid

# Views that are drawn of one image at a time.
TOGETHER = 4


class OptimalQValues(keras.utils.PyDataset):
    """Draws views of single images, displaced from themselves, with action values.

    Each item is `(views, values)`: `"<layer>_view"`, `(batch, *shape, 2)`, the moving
    image and the fixed one as `VolumeView` gives them, and `"<layer>"`, `(batch, A)` as
    `optimal_q_values` does, of each stage. Both images are drawn in one random pose
    about a random voxel of the foreground in the middle half of the image, since the
    middle is what an agent looks at; the moving one is then displaced by a residual
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
        batch_size: int, a multiple of 4: views are drawn of an image by fours.
        seed: int.
        **kwargs: of `keras.utils.PyDataset`.

    Raises:
        ValueError: when `batch_size` is no multiple of 4.
    """

    labels = None

    def __init__(
        self, images, stages, pose, degrade=None, batch_size=32, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        if batch_size < 1 or batch_size % TOGETHER:
            raise ValueError(
                f"`batch_size` must be a multiple of {TOGETHER}. "
                f"Received: batch_size={batch_size}"
            )
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
        self._inside = [_inside(image.array) for image in images]
        self._sample = ops.compiled(functools.partial(ops.sample, fill="zeros"))

    def __len__(self):
        return self.steps_per_epoch

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, self.epoch, index))
        views, values = {}, {}
        for stage in self.stages:
            groups = [
                self._draw(rng, stage) for _ in range(self.batch_size // TOGETHER)
            ]
            seen, residuals = (np.concatenate(x) for x in zip(*groups, strict=True))
            views[f"{stage.layer}_view"] = seen
            values[stage.layer] = optimal_q_values(residuals).astype("float32")
        return views, values

    def on_epoch_end(self):
        self.epoch += 1

    def _draw(self, rng, stage):
        """Some views of one image, `(TOGETHER, *shape, 2)`, and their residuals."""
        number = rng.integers(len(self._arrays))
        affine, inside = self._affines[number], self._inside[number]
        grid = Grid.centred(stage.shape, stage.spacing)
        worlds, residuals = [], []
        for _ in range(TOGETHER):
            world = self.pose.draw(rng, grid.centre)
            world[:-1, -1] += (affine @ [*inside[rng.integers(len(inside))], 1])[:-1]
            residual = _residual(rng, stage)
            moved = world @ stage.motions.matrix(residual, grid.centre)
            worlds += [moved, world]
            residuals.append(residual)
        images = self._sampled(number, grid, worlds)
        if self.degrade is not None:
            images[1::2] = [self.degrade(rng, image) for image in images[1::2]]
        return np.stack([images[::2], images[1::2]], axis=-1), residuals

    def _sampled(self, number, grid, matrices):
        """An image through several transforms, `(len(matrices), *shape)`."""
        to_voxels = np.linalg.solve(self._affines[number], matrices)
        # One call for all of them, on grids one after the other along an axis.
        coordinates = np.concatenate(
            [grid.coordinates_in(np.linalg.inv(matrix)) for matrix in to_voxels]
        )
        values = self._sample(self._arrays[number], coordinates[None])
        values = keras.ops.convert_to_numpy(values)[0, ..., 0]
        return values.reshape(len(matrices), *grid.shape).copy()


def _inside(array):
    """Voxels of the foreground in the middle half, `(count, D)`."""
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
