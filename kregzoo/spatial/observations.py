"""What an agent sees of two images and an alignment."""

import dataclasses

import keras
import numpy as np

from kregzoo import ops
from kregzoo.spatial.motions import RigidMotions


@dataclasses.dataclass(frozen=True)
class Stage:
    """One resolution at which an agent looks and acts.

    Args:
        layer: str. The layer of its model, a network of observations `(B, *shape, 2)`
            to values of the actions `(B, A)`.
        spacing: float. Voxel size in mm of what it sees.
        shape: tuple of D ints, the voxels that it sees, about the fixed image's middle.
        motions: the `RigidMotions` that it chooses from.
        budget: int. Most steps of a registration.
        reach: tuple of two floats, the largest translation and rotation, in units, that
            it is trained to undo.
    """

    layer: str
    spacing: float
    shape: tuple
    motions: RigidMotions
    budget: int
    reach: tuple


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
