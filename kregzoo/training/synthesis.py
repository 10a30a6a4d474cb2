"""Synthetic training pairs with a known displacement."""

import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.spatial import AffineTransform, Image
from kregzoo.training.pose import affine_in_voxels
from kregzoo.training.random_dataset import RandomDataset


class SyntheticPairs(RandomDataset):
    """Draw synthetic pairs with their displacements.

    Each item is `({"moving": ..., "fixed": ...}, {"displacement": ...})`.

    Args:
        draw_pairs: callable of a `numpy.random.Generator` and a count that returns
            moving images, fixed images and displacements, like `AppearanceModel.draw`.
        grid: the `Grid` of the images. Only needed with an augmentation.
        augmentation: `Pose` of both images of a pair. Defaults to none.
        **kwargs: Arguments of `RandomDataset`.
    """

    labels = None

    def __init__(self, draw_pairs, grid=None, augmentation=None, **kwargs):
        super().__init__(**kwargs)
        self.draw_pairs = draw_pairs
        self.grid = grid
        self.augmentation = augmentation

    def draw(self, rng, index):
        """Draw a batch; see `RandomDataset`."""
        drawn = self.draw_pairs(rng, self.batch_size)
        if self.augmentation is not None:
            worlds = [self.augmentation.draw(rng, self.grid.center) for _ in drawn[0]]
            affines = [affine_in_voxels(world, self.grid) for world in worlds]
            drawn = _posed(*drawn, np.stack(affines))
        moving, fixed, displacement = drawn
        return {"moving": moving, "fixed": fixed}, {"displacement": displacement}


def _posed(moving, fixed, displacement, affines):
    """Warp a pair by one affine, and compute the displacement that then aligns it."""
    where = ops.affine_grid(affines, moving.shape[1:-1])
    images = [ops.sample(image, where, fill="zeros") for image in (moving, fixed)]
    # Map the sampled displacement vectors back by the linear part of the affine.
    back = np.linalg.inv(affines[..., :-1])
    found = kops.einsum("bij,b...j->b...i", back, ops.sample(displacement, where))
    return *images, found


class RandomDeformations:
    """Deform images by smooth random fields.

    A field is Gaussian noise on a coarse grid of control points, interpolated by cubic
    B-splines. It does not depend on the anatomy.

    Args:
        images: array `(N, *spatial, 1)`.
        spacings: tuple of ints, control point spacings in voxels to draw from.
        sd: float. Standard deviation of the control point components, as a fraction of
            the spacing.

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
            count: int. Number of pairs.

        Returns:
            Arrays: moving images and fixed images `(count, *spatial, 1)`, and the
            displacements `(count, *spatial, D)` in voxels that align them.
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
    """Augment an image to other shapes by random poses and smooth deformations.

    Args:
        rng: a `numpy.random.Generator`.
        image: an `Image`.
        pose: the `Pose` to draw from.
        spacing: float. Voxel size of the augmented images in mm.
        count: int. Number of augmented images.
        control: tuple of ints, see `spacings` of `RandomDeformations`.
        sd: float, see `RandomDeformations`.

    Yields:
        `Image` on the grid of `image`, resampled to `spacing`.

    Example:
        >>> from kregzoo.training import Pose
        >>> image = Image.from_array(np.random.default_rng(0).random((32, 32)))
        >>> made = augment_shapes(np.random.default_rng(0), image, Pose(), 2.0, count=3)
        >>> [other.grid.shape for other in made]
        [(16, 16), (16, 16), (16, 16)]
    """
    grid = image.grid.resampled(spacing)
    posed = [
        image.resample(grid, AffineTransform(pose.draw(rng, grid.center))).array
        for _ in range(count)
    ]
    shapes = RandomDeformations(np.stack(posed)[..., None], control, sd)
    for _ in range(count):
        _, deformed, _ = shapes.draw(rng)
        yield Image(deformed[0, ..., 0], grid)
