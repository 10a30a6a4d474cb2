"""Random affine transforms for the augmentation of training images."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Pose:
    """Draw random affine transforms about a center.

    Args:
        rotation: float. Standard deviation in degrees about each axis.
        scale: float. Standard deviation of the logarithm of each axis's scale.
        shift: float. Standard deviation in mm along each axis.
        flip: bool. Mirror left and right in half of the draws.
        shear: float. Standard deviation of each entry above the diagonal of a unit
            upper triangular matrix.
        uniform: bool. Draw uniformly between plus and minus these values instead.
        even: bool. Multiply each draw by a factor drawn uniformly from [0, 1], so that
            small and large transforms are equally likely.

    Example:
        >>> pose = Pose(rotation=10.0, shift=5.0)
        >>> pose.draw(np.random.default_rng(0), center=np.zeros(3)).shape
        (4, 4)
    """

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    flip: bool = False
    shear: float = 0.0
    uniform: bool = False
    even: bool = False

    def draw(self, rng, center):
        """Draw a transform.

        Args:
            rng: a `numpy.random.Generator`.
            center: array `(D,)`, the fixed point of rotation, scale and shear, in mm.

        Returns:
            Matrix `(D + 1, D + 1)` in world mm.
        """
        factor = rng.random() if self.even else 1.0
        linear = self._linear(rng, len(center), factor)
        matrix = np.eye(len(center) + 1)
        matrix[:-1, :-1] = linear
        shift = self._random(rng, factor * self.shift, len(center))
        matrix[:-1, -1] = center + shift - linear @ center
        return matrix

    def _linear(self, rng, ndim, factor):
        from scipy.spatial.transform import Rotation

        angles = np.zeros(3)
        # In 2-D, the only rotation is about the third axis.
        rotations = slice(2, None) if ndim == 2 else slice(None)
        count = angles[rotations].size
        angles[rotations] = self._random(rng, factor * self.rotation, count)
        linear = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        linear = linear[:ndim, :ndim] @ np.diag(
            np.exp(self._random(rng, factor * self.scale, ndim))
        )
        if self.shear:
            entries = np.triu(self._random(rng, factor * self.shear, (ndim, ndim)), 1)
            linear = linear @ (np.eye(ndim) + entries)
        if self.flip and rng.random() < 0.5:
            linear = linear @ np.diag([-1.0] + [1.0] * (ndim - 1))
        return linear

    def _random(self, rng, width, shape):
        if self.uniform:
            return rng.uniform(-width, width, shape)
        return rng.normal(0, width, shape)


def affine_in_voxels(matrix, grid):
    """Convert a world matrix to voxels about the center of a grid.

    Args:
        matrix: array `(D + 1, D + 1)` in RAS mm.
        grid: the `Grid`.

    Returns:
        Array `(D, D + 1)`, float32.
    """
    return about_center(np.linalg.inv(grid.affine) @ matrix @ grid.affine, grid)


def about_center(voxels, grid):
    """Convert a voxel matrix to the form of `kregzoo.ops.affine_grid`.

    Args:
        voxels: array `(D + 1, D + 1)` that maps voxel indices of the grid.
        grid: the `Grid`.

    Returns:
        Array `(D, D + 1)`, float32, about the center of the grid.
    """
    center = (np.array(grid.shape) - 1) / 2
    shift = voxels[:-1, -1] + voxels[:-1, :-1] @ center - center
    return np.column_stack([voxels[:-1, :-1], shift]).astype("float32")
