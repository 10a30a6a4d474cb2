"""What an agent sees of two images and an alignment."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from kregzoo import ops
from kregzoo.agents.actions import RigidMotions


class VolumeView:
    """The moving image through an alignment, and the fixed one, on one grid.

    Args:
        moving: normalised `Image`.
        fixed: likewise.
        grid: the `Grid` to look at, in the fixed image's world; actions turn about its
            centre.

    Example:
        >>> from kregzoo.spatial import Grid, Image
        >>> image = Image.from_array(np.random.rand(8, 8, 8))
        >>> view = VolumeView(image, image, Grid.centred((4, 4, 4), 2.0))
        >>> view.observe(np.eye(4)).shape
        (4, 4, 4, 2)
    """

    def __init__(self, moving, fixed, grid):
        self.grid = grid
        self.centre = grid.centre
        self.shape = (*grid.shape, 2)
        self._moving_affine = moving.grid.affine
        # A tensor at once, or each look would copy the whole image to the device.
        self._moving = keras.ops.convert_to_tensor(
            moving.array.astype("float32")[None, ..., None]
        )
        self._fixed = fixed.resample(grid).array.astype("float32")

    def observe(self, alignment):
        """Look at the pair.

        Args:
            alignment: matrix `(D + 1, D + 1)` from fixed to moving world.

        Returns:
            Array `(*shape, 2)`: the moving image, 0 outside of it, and the fixed one.
        """
        to_moving = np.linalg.solve(self._moving_affine, alignment)
        coordinates = self.grid.coordinates_in(np.linalg.inv(to_moving))
        values = ops.sample(self._moving, coordinates[None], fill="zeros")
        warped = keras.ops.convert_to_numpy(values)[0, ..., 0]
        return np.stack([warped, self._fixed], axis=-1)


class HeightView:
    """Heights of two bodies over a plane, and how much is inside the moving one.

    Both images are looked at along their second axis, from its upper end: from the
    front, of a patient in RAS. Ma et al., MICCAI 2017, compare so a depth camera's
    image with a CT.

    Args:
        moving: normalised 3-D `Image`.
        fixed: likewise; of it only the surface is used.
        grid: the `Grid` to look at, in the fixed image's world; actions turn about its
            centre.
        threshold: float. What is brighter belongs to a body.

    Example:
        >>> from kregzoo.spatial import Grid, Image
        >>> image = Image.from_array(np.random.rand(8, 8, 8))
        >>> view = HeightView(image, image, Grid.centred((4, 6, 5), 2.0))
        >>> view.observe(np.eye(4)).shape
        (4, 5, 3)
    """

    def __init__(self, moving, fixed, grid, threshold=0.15):
        self.threshold = threshold
        self._volumes = VolumeView(moving, fixed, grid)
        self.grid = grid
        self.centre = grid.centre
        self.shape = (grid.shape[0], grid.shape[2], 3)

    def observe(self, alignment):
        """Look at the pair.

        Args:
            alignment: matrix `(4, 4)` from fixed to moving world.

        Returns:
            Array `(width, length, 3)`: the fixed body's height and the moving one's, as
            parts of the grid's depth, 0 where there is none, and the moving image's
            mean along the line of sight.
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
        # Where between both voxels the threshold is met: a move of less than a voxel is
        # to be seen too.
        part = (inner - self.threshold) / np.maximum(inner - outer, 1e-6)
        size = volume.shape[1]
        height = (size - 1 - first + np.where(first > 0, part, 1.0)) / size
        return np.where(body.any(axis=1), height, 0.0).astype("float32")


def _at(volume, index):
    """The voxels of a volume at an index `(x, z)` along its second axis."""
    return np.take_along_axis(volume, index[:, None], axis=1)[:, 0]


@dataclasses.dataclass(frozen=True)
class Stage:
    """One resolution at which an agent looks and acts.

    Args:
        layer: str. The layer of its model, a network of what the view shows to values
            of the actions `(B, A)`.
        spacing: float. Voxel size in mm of what it sees.
        shape: tuple of D ints, the voxels that it sees, about the fixed image's middle.
        motions: the `RigidMotions` that it chooses from.
        budget: int. Most steps of a registration.
        reach: tuple of two floats, the largest translation and rotation, in units, that
            it is trained to undo.
        view: what makes a view of moving image, fixed image and grid.
    """

    layer: str
    spacing: float
    shape: tuple
    motions: RigidMotions
    budget: int
    reach: tuple
    view: Callable = VolumeView
