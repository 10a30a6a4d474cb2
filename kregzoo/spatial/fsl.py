"""Affine transforms in files of FSL's FLIRT.

A FLIRT matrix depends on its two images. It maps the moving image to the fixed image,
in millimeters from the first voxel. If the determinant of the image's affine is
positive (neurological storage), the first axis is counted from its other end.
"""

import numpy as np

from kregzoo.spatial.image import as_image
from kregzoo.spatial.transforms import AffineTransform
from kregzoo.utils.files import as_path, atomic


def read_flirt(path, moving, fixed):
    """Read a FLIRT matrix.

    Args:
        path: Text file of 4 rows of 4 numbers, as `flirt -omat` writes it.
        moving: 3-D moving image (`flirt -in`): `Image`, path, nibabel image or array.
        fixed: 3-D fixed image (`flirt -ref`).

    Returns:
        The `AffineTransform` from the fixed image's world to the moving image's.

    Raises:
        ValueError: If the file does not hold an invertible 4 by 4 matrix, or an image
            is not 3-D.
    """
    try:
        flirt = AffineTransform(np.loadtxt(as_path(path)))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"No FLIRT matrix could be read ({error}). Received: path={str(path)!r}"
        ) from error
    moving, fixed = _frame(moving, "moving"), _frame(fixed, "fixed")
    return AffineTransform(np.linalg.inv(moving) @ flirt.inverse().matrix @ fixed)


def write_flirt(transform, path, moving, fixed):
    """Write an affine transform as a FLIRT matrix.

    Args:
        transform: The `AffineTransform` from the fixed image's world to the moving
            image's.
        path: File to write, which appears only when it is complete.
        moving: 3-D moving image (`flirt -in`): `Image`, path, nibabel image or array.
        fixed: 3-D fixed image (`flirt -ref`).

    Raises:
        ValueError: If the transform is not affine or an image is not 3-D.

    Example:
        >>> import tempfile
        >>> image = np.arange(8.0).reshape(2, 2, 2)
        >>> path = f"{tempfile.mkdtemp()}/identity.mat"
        >>> write_flirt(AffineTransform(np.eye(4)), path, image, image)
    """
    if not isinstance(transform, AffineTransform):
        raise ValueError(
            "FLIRT matrices are affine; save other transforms as ITK's .h5. "
            f"Received: {type(transform).__name__}"
        )
    moving, fixed = _frame(moving, "moving"), _frame(fixed, "fixed")
    matrix = fixed @ np.linalg.inv(transform.matrix) @ np.linalg.inv(moving)
    with atomic(path) as temporary:
        np.savetxt(temporary, matrix, fmt="%.10f")


def _frame(image, argument):
    """Return the matrix from RAS millimeters to FSL's millimeters of an image."""
    grid = as_image(image, argument, allow_labels=True).grid
    if grid.ndim != 3:
        raise ValueError(f"`{argument}` must be 3-D. Received: a {grid.ndim}-D image")
    scale = np.diag([*grid.spacing, 1.0])
    if np.linalg.det(grid.affine) > 0:
        scale[0, 0] *= -1
        scale[0, 3] = (grid.shape[0] - 1) * grid.spacing[0]
    return scale @ np.linalg.inv(grid.affine)
