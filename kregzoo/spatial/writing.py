"""Write images to files that appear only when complete."""

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
from kregzoo.utils.files import atomic

# Formats whose voxels lie in a second file.
TWO_FILES = (*PAIR_SUFFIXES, ".mhd", ".nhdr")


def write_voxels(array, grid, path):
    """Write voxels to one file, in the format of its ending.

    Args:
        array: Voxels `(*spatial)`.
        grid: Their `Grid`.
        path: File to write.

    Raises:
        ValueError: If the format is unknown or cannot hold the voxels.
    """
    name = os.fspath(path).lower()
    if name.endswith(TWO_FILES):
        raise ValueError(
            "An image must go to one file, such as .nii.gz, .mha or .nrrd, not to "
            f"a header and its data. Received: path={os.fspath(path)!r}"
        )
    if grid.plane is not None and not name.endswith(PICTURE_SUFFIXES):
        array, grid = np.expand_dims(array, grid.plane.axis), grid.volume
    with atomic(path) as temporary:
        if not name.endswith(NIBABEL_SUFFIXES):
            itk.write(itk.to_image(array, grid), temporary)
        elif name.endswith(MGH_SUFFIXES):
            voxels = narrowed(array, ("uint8", "int16", "int32"))
            volume = voxels.reshape(voxels.shape + (1,) * (3 - voxels.ndim))
            nib.save(nib.MGHImage(volume, affine_3d(grid)), temporary)
        else:
            voxels = narrowed(array, ("uint8", "int16", "uint16", "int32"))
            file = nib.Nifti1Image(voxels, affine_3d(grid))
            file.header.set_xyzt_units("mm" if grid.unit == "mm" else "unknown")
            nib.save(file, temporary)


def affine_3d(grid):
    """Affine `(4, 4)` of a grid; a 2-D grid lies in the plane z = 0."""
    affine = np.eye(4)
    kept = [*range(grid.ndim), 3]
    affine[np.ix_(kept, kept)] = grid.affine
    return affine


def narrowed(array, dtypes):
    """The array in the first of these integer types that holds it, if of integers."""
    if array.dtype.kind == "f" or array.dtype.name in dtypes:
        return array
    low, high = int(array.min()), int(array.max())
    for dtype in dtypes:
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return array.astype(dtype)
    raise ValueError(
        f"The file format holds integers of the types {dtypes} only. "
        f"Received: values from {low} to {high}"
    )
