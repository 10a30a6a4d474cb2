"""Place an array in the world."""

import numpy as np

from kregzoo.spatial.grid import CANONICAL_ORIENTATION, Grid
from kregzoo.spatial.slice_plane import SlicePlane


def place(array, spacing=None, affine=None):
    """Find the grid of an array, which is 2-D if it holds one slice.

    Args:
        array: Voxels `(*spatial)`. Trailing axes of length one may follow.
        spacing: Millimeters between voxels, one number or one per axis, for an array
            without an affine.
        affine: Matrix from voxels to RAS mm, `(3, 3)` in 2-D, or `(4, 4)`; or None.

    Returns:
        Tuple of the array, 2-D or 3-D, and its `Grid`. The grid of a slice with an
        affine `(4, 4)` has a `plane`.

    Raises:
        ValueError: If the array is not 2-D or 3-D, or its position is invalid.
    """
    if affine is not None and spacing is not None:
        raise ValueError(
            "Give `spacing` or `affine`, not both. "
            f"Received: spacing={spacing}, affine={affine}"
        )
    shape = array.shape
    affine = None if affine is None else np.asarray(affine, "float64")
    in_space = affine is not None and affine.shape == (4, 4)
    while array.ndim > (3 if in_space else 2) and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(
            "An image must be 2-D or 3-D, with one channel and at least one voxel: "
            "choose a volume of a series, or a channel. "
            f"Received: array of shape {shape}"
        )
    if affine is None:
        return array, _grid_of_spacing(array.shape, spacing)
    if in_space and array.ndim == 2:
        return array, Grid(array.shape, _affine_in_plane(affine))
    if in_space and 1 in array.shape:
        return _place_slice(array, affine)
    return array, Grid(array.shape, affine)


def _place_slice(array, affine):
    """Take the only slice of a volume, and its grid."""
    axis = max(axis for axis, size in enumerate(array.shape) if size == 1)
    plane, affine = SlicePlane.from_affine(affine, axis)
    array = np.squeeze(array, axis)
    return array, Grid(array.shape, affine, plane=plane)


def _grid_of_spacing(shape, spacing):
    """Make the grid of an array without an affine. Its first voxel is the origin."""
    ndim = len(shape)
    if 1 in shape and ndim == 3:
        raise ValueError(
            "A volume must have several voxels along each axis: drop the axis of one "
            "voxel, for instance with numpy.squeeze, to register a 2-D image. "
            f"Received: array of shape {shape}"
        )
    unit = "pixel" if spacing is None and ndim == 2 else "mm"
    return Grid(shape, _affine_of_spacing(spacing, ndim), unit)


def _affine_of_spacing(spacing, ndim):
    spacing = np.broadcast_to(1.0 if spacing is None else spacing, ndim)
    if not np.isfinite(spacing).all() or np.min(spacing) <= 0:
        raise ValueError(f"`spacing` must be positive. Received: spacing={spacing}")
    unit = Grid.centered((1,) * ndim, 1.0, orientation=CANONICAL_ORIENTATION[ndim])
    return unit.affine @ np.diag([*spacing, 1.0])


def _affine_in_plane(affine):
    """Find the 2-D affine of a 2-D array with an affine `(4, 4)`.

    An axial plane keeps its position in x and y. Any other plane becomes a picture with
    the same spacing, because other tools ignore the third axis of 2-D files too.
    """
    plane = affine[:3, :2]
    if np.allclose(plane[2], 0, atol=1e-4 * np.abs(plane).max()):
        return affine[np.ix_([0, 1, 3], [0, 1, 3])]
    return _affine_of_spacing(np.linalg.norm(plane, axis=0), 2)
