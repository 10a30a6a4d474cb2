"""Observations of an agent: views of two images under an alignment."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from kregzoo import ops
from kregzoo.agents.actions import RigidMotions


class VolumeView:
    """Show the aligned moving image and the fixed image on one grid.

    Args:
        moving: normalized `Image`.
        fixed: normalized `Image`.
        grid: the `Grid` of the view, in the world of the fixed image. Actions rotate
            about the center of the grid.

    Example:
        >>> from kregzoo.spatial import Grid, Image
        >>> image = Image.from_array(np.random.rand(8, 8, 8))
        >>> view = VolumeView(image, image, Grid.centered((4, 4, 4), 2.0))
        >>> view.observe(np.eye(4)).shape
        (4, 4, 4, 2)
    """

    def __init__(self, moving, fixed, grid):
        self.grid = grid
        self.center = grid.center
        self.shape = (*grid.shape, 2)
        self._moving_affine = moving.grid.affine
        # Convert to a tensor now. Otherwise each observation would copy the image to
        # the device.
        self._moving = keras.ops.convert_to_tensor(
            moving.array.astype("float32")[None, ..., None]
        )
        self._fixed = fixed.resample(grid).array.astype("float32")

    def observe(self, alignment):
        """Observe the pair under an alignment.

        Args:
            alignment: matrix `(D + 1, D + 1)` from fixed to moving world.

        Returns:
            Array `(*shape, 2)`: the moving image, filled with 0 outside of the image,
            and the fixed image.
        """
        to_moving = np.linalg.solve(self._moving_affine, alignment)
        coordinates = self.grid.coordinates_in(np.linalg.inv(to_moving))
        values = ops.sample(self._moving, coordinates[None], fill="zeros")
        warped = keras.ops.convert_to_numpy(values)[0, ..., 0]
        return np.stack([warped, self._fixed], axis=-1)


class HeightView:
    """Show height maps of two bodies, and the projection of the moving image.

    The line of sight is the second axis, seen from the upper end, which is the front of
    a patient in RAS orientation. Ma et al., MICCAI 2017, compare the image of a depth
    camera with a CT in this way.

    Args:
        moving: normalized 3-D `Image`.
        fixed: normalized 3-D `Image`, of which only the body surface is used.
        grid: the `Grid` of the view, in the world of the fixed image. Actions rotate
            about the center of the grid.
        threshold: float. Intensities above the threshold belong to a body.

    Example:
        >>> from kregzoo.spatial import Grid, Image
        >>> image = Image.from_array(np.random.rand(8, 8, 8))
        >>> view = HeightView(image, image, Grid.centered((4, 6, 5), 2.0))
        >>> view.observe(np.eye(4)).shape
        (4, 5, 3)
    """

    def __init__(self, moving, fixed, grid, threshold=0.15):
        self.threshold = threshold
        self._volumes = VolumeView(moving, fixed, grid)
        self.grid = grid
        self.center = grid.center
        self.shape = (grid.shape[0], grid.shape[2], 3)

    def observe(self, alignment):
        """Observe the pair under an alignment.

        Args:
            alignment: matrix `(4, 4)` from fixed to moving world.

        Returns:
            Array `(width, length, 3)`: the heights of the fixed and of the moving body,
            as fractions of the grid depth (0 where there is no body), and the mean of
            the moving image along the line of sight.
        """
        moving, fixed = np.moveaxis(self._volumes.observe(alignment), -1, 0)
        heights = [self._height(volume) for volume in (fixed, moving)]
        return np.stack([*heights, moving.mean(axis=1)], axis=-1)

    def _height(self, volume):
        from_above = volume[:, ::-1]
        body = from_above > self.threshold
        first = body.argmax(axis=1)
        inner = _at(from_above, first)
        outer = _at(from_above, np.maximum(first - 1, 0))
        # Interpolate where the intensity crosses the threshold, so that motions of less
        # than a voxel change the height.
        part = (inner - self.threshold) / np.maximum(inner - outer, 1e-6)
        size = volume.shape[1]
        height = (size - 1 - first + np.where(first > 0, part, 1.0)) / size
        return np.where(body.any(axis=1), height, 0.0).astype("float32")


def _at(volume, index):
    """Take the voxels of a volume at indices `(x, z)` along the second axis."""
    return np.take_along_axis(volume, index[:, None], axis=1)[:, 0]


@dataclasses.dataclass(frozen=True)
class Stage:
    """Resolution level of an agent.

    Args:
        layer: str. Name of the model layer that maps observations to the action values
            `(B, A)`.
        spacing: float. Voxel size of the observations in mm.
        shape: tuple of D ints. Shape of the view in voxels, about the center of the
            fixed image.
        motions: the `RigidMotions` that the agent chooses from.
        budget: int. Maximum number of steps of a registration.
        reach: tuple of two floats. Largest translation and rotation in the training, in
            units of `motions`.
        view: callable of a moving image, a fixed image and a grid that makes the view.
    """

    layer: str
    spacing: float
    shape: tuple
    motions: RigidMotions
    budget: int
    reach: tuple
    view: Callable = VolumeView
