"""Write images to files, which appear only when they are complete."""

import os

import nibabel as nib
import numpy as np

from kregzoo.spatial import itk
from kregzoo.spatial.reading import (
    MGH_SUFFIXES,
    NIBABEL_SUFFIXES,
    PAIR_SUFFIXES,
    PICTURE_SUFFIXES,
)
from kregzoo.spatial.voxels import fits
from kregzoo.utils.files import atomic

# Formats that store voxels in a second file.
TWO_FILES = (*PAIR_SUFFIXES, ".mhd", ".nhdr")
# Integer types that all readers of NIfTI support.
NIFTI_INTEGERS = ("uint8", "int16", "uint16", "int32")
MGH_INTEGERS = ("uint8", "int16", "int32")


def write_voxels(array, grid, path):
    """Write voxels to one file, in the format of its ending.

    Args:
        array: Voxels `(*spatial)`.
        grid: Their `Grid`.
        path: File to write.

    Raises:
        ValueError: If the format is unknown or cannot store the voxels.
    """
    name = os.fspath(path).lower()
    if name.endswith(TWO_FILES):
        raise ValueError(
            "An image must be written to one file, such as .nii.gz, .mha or .nrrd, not "
            f"to separate files for header and data. Received: path={os.fspath(path)!r}"
        )
    if grid.plane is not None and not name.endswith(PICTURE_SUFFIXES):
        array, grid = np.expand_dims(array, grid.plane.axis), grid.volume
    with atomic(path) as temporary:
        if not name.endswith(NIBABEL_SUFFIXES):
            itk.write(itk.to_image(array, grid), temporary)
        elif name.endswith(MGH_SUFFIXES):
            voxels = narrowed(array, MGH_INTEGERS)
            volume = voxels.reshape(voxels.shape + (1,) * (3 - voxels.ndim))
            nib.save(nib.MGHImage(volume, affine_3d(grid)), temporary)
        else:
            voxels = narrowed(array, NIFTI_INTEGERS, wide=("uint32", "int64", "uint64"))
            file = nib.Nifti1Image(voxels, affine_3d(grid), dtype=voxels.dtype)
            file.header.set_xyzt_units("mm" if grid.unit == "mm" else "unknown")
            nib.save(file, temporary)


def affine_3d(grid):
    """Return the affine `(4, 4)` of a grid; a 2-D grid is in the plane z = 0."""
    affine = np.eye(4)
    kept = [*range(grid.ndim), 3]
    affine[np.ix_(kept, kept)] = grid.affine
    return affine


def narrowed(array, dtypes, wide=()):
    """Convert integers to the first type that can store the values.

    Args:
        array: Voxels. Floats are unchanged.
        dtypes: Names of types. An array of one of these types is unchanged.
        wide: Names of types to try if none of `dtypes` can store the values.

    Returns:
        The array.

    Raises:
        ValueError: If no type can store the values.
    """
    if array.dtype.kind == "f" or array.dtype.name in dtypes:
        return array
    for dtype in (*dtypes, *wide):
        if fits(array, dtype):
            return array.astype(dtype)
    raise ValueError(
        f"The format stores integers up to {np.iinfo(dtypes[-1]).max}: save larger "
        f"ones as .nii.gz, .mha or .nrrd. Received: values up to {array.max()}"
    )
