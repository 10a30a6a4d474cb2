"""Pairs of images that are made, with the displacement between them."""

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.spatial import AffineTransform, Image
from kregzoo.training.pose import affine_in_voxels


class SyntheticPairs(keras.utils.PyDataset):
    """Pairs with their displacement, drawn without end.

    Each item is `({"moving": ..., "fixed": ...}, {"displacement": ...})`. Item `i` of
    an epoch depends on the seed, the epoch and `i` alone.

    Args:
        draw: callable of a `numpy.random.Generator` and a count that gives moving and
            fixed images and displacements, such as `AppearanceModel.draw`.
        batch_size: int.
        steps_per_epoch: int.
        seed: int.
        grid: the `Grid` of the images.
        augmentation: `Pose` of both images of a pair. Defaults to none.
        **kwargs: of `keras.utils.PyDataset`.
    """

    labels = None

    def __init__(
        self,
        draw,
        batch_size=8,
        steps_per_epoch=100,
        seed=0,
        grid=None,
        augmentation=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.draw = draw
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self.seed = seed
        self.grid = grid
        self.augmentation = augmentation
        self.epoch = 0

    def __len__(self):
        return self.steps_per_epoch

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, self.epoch, index))
        drawn = self.draw(rng, self.batch_size)
        if self.augmentation is not None:
            worlds = [self.augmentation.draw(rng, self.grid.centre) for _ in drawn[0]]
            affines = [affine_in_voxels(world, self.grid) for world in worlds]
            drawn = map(kops.convert_to_numpy, _posed(*drawn, np.stack(affines)))
        moving, fixed, displacement = drawn
        return {"moving": moving, "fixed": fixed}, {"displacement": displacement}

    def on_epoch_end(self):
        self.epoch += 1


def _posed(moving, fixed, displacement, affines):
    """A pair through one affine, and the displacement that then aligns it."""
    where = ops.affine_grid(affines, moving.shape[1:-1])
    images = [ops.sample(image, where, fill="zeros") for image in (moving, fixed)]
    # What aligns the images there, brought back.
    back = np.linalg.inv(affines[..., :-1])
    found = kops.einsum("bij,b...j->b...i", back, ops.sample(displacement, where))
    return *images, found


class RandomDeformations:
    """Images and smooth random fields that deform them.

    A field is Gaussian noise on a coarse grid, interpolated by cubic B-splines: what
    knows nothing of anatomy.

    Args:
        images: array `(N, *spatial, 1)`.
        spacings: tuple of ints, the distances in voxels of the grids to draw from.
        sd: float. Standard deviation of each control point's components, as a fraction
            of their distance.

    Example:
        >>> images = np.random.default_rng(0).random((4, 32, 32, 1))
        >>> deformations = RandomDeformations(images)
        >>> moving, _, displacement = deformations.draw(np.random.default_rng(0), 2)
        >>> moving.shape, displacement.shape
        ((2, 32, 32, 1), (2, 32, 32, 2))
    """

    def __init__(self, images, spacings=(16, 32, 64), sd=0.1):
        self.images = np.asarray(images, "float32")
        self.spacings = spacings
        self.sd = sd
        self._pair = ops.compiled(self._make_pair)

    def draw(self, rng, count=1):
        """Draw pairs of an image and the same image deformed.

        Args:
            rng: a `numpy.random.Generator`.
            count: int. Pairs.

        Returns:
            Moving and fixed images `(count, *spatial, 1)` and the displacement
            `(count, *spatial, D)` in voxels that aligns them, arrays.
        """
        shape = self.images.shape[1:-1]
        spacing = rng.choice(self.spacings)
        control = [max(1, round(size / spacing)) + 3 for size in shape]
        points = rng.normal(0, self.sd * spacing, (count, *control, len(shape)))
        moving = self.images[rng.integers(len(self.images), size=count)]
        drawn = self._pair(moving, points.astype("float32"))
        return moving, *map(kops.convert_to_numpy, drawn)

    def _make_pair(self, moving, points):
        displacement = ops.bspline(points, self.images.shape[1:-1])
        return ops.warp(moving, displacement), displacement


def augment_shapes(rng, image, pose, spacing, count, control=(8, 16), sd=0.2):
    """Make images of other shapes of one: in random poses, and deformed at random.

    Args:
        rng: a `numpy.random.Generator`.
        image: an `Image`.
        pose: the `Pose` to draw from.
        spacing: float. Voxel size of what is made, in mm.
        count: int. Images to make.
        control: tuple of ints, see `RandomDeformations`.
        sd: float, likewise.

    Yields:
        `Image`, on the image's own grid at this spacing.

    Example:
        >>> from kregzoo.training import Pose
        >>> image = Image.from_array(np.random.default_rng(0).random((32, 32)))
        >>> made = augment_shapes(np.random.default_rng(0), image, Pose(), 2.0, count=3)
        >>> [other.grid.shape for other in made]
        [(16, 16), (16, 16), (16, 16)]
    """
    grid = image.grid.resampled(spacing)
    posed = [
        image.resample(grid, AffineTransform(pose.draw(rng, grid.centre))).array
        for _ in range(count)
    ]
    shapes = RandomDeformations(np.stack(posed)[..., None], control, sd)
    for _ in range(count):
        _, deformed, _ = shapes.draw(rng)
        yield Image(deformed[0, ..., 0], grid)
