"""Read image files: voxels, and where they lie in the world."""

import io
import math

import nibabel as nib
import numpy as np

from kregzoo.spatial import itk
from kregzoo.utils.files import lowercase_alias

NIBABEL_SUFFIXES = (".nii", ".nii.gz", ".mgh", ".mgz")
# Bytes that may follow the voxels of a file: any number would fill the memory.
TRAILER = 2**24


def read_voxels(path):
    """Read an image file or a folder with one DICOM series.

    Args:
        path: `pathlib.Path` of the file or folder.

    Returns:
        Tuple of the array `(*spatial)` and its affine to RAS millimetres.

    Raises:
        ValueError: If there is no such file, or it cannot be read as an image.
    """
    if not path.exists():
        raise ValueError(f"There is no such file. Received: path={str(path)!r}")
    try:
        if path.name.lower().endswith(NIBABEL_SUFFIXES):
            with lowercase_alias(path) as readable:
                return _read_by_nibabel(readable)
        return itk.read_array(path)
    # Readers of damaged files raise whatever their parsers stumble on.
    except Exception as error:
        raise ValueError(
            f"The file could not be read as an image ({error}). It may be damaged "
            f"or of another format. Received: path={str(path)!r}"
        ) from error


def _read_by_nibabel(path):
    """Array and affine of a file, if it is whole and says where its voxels lie."""
    file = nib.load(path)
    itk.check_size(file.shape)
    with nib.openers.ImageOpener(path) as stream:
        _check_spacing(file, stream)
        if path.name.lower().endswith("z"):
            # To the end, where the checksum is; nibabel stops at the last voxel.
            stream.seek(0)
            voxels = file.dataobj.dtype.itemsize * math.prod(file.shape)
            content = stream.read(file.dataobj.offset + voxels + TRAILER)
            file = type(file).from_stream(io.BytesIO(content))
    return np.asarray(file.dataobj), file.affine


def _check_spacing(file, stream):
    """Raise for a spacing that is not positive, in whose place nibabel puts another."""
    if not isinstance(file.header, nib.Nifti1Header):
        return
    header = type(file.header).from_fileobj(stream, check=False)
    spacing = header["pixdim"][1 : 1 + len(file.shape)][:3]
    if header["sform_code"] == 0 and not (spacing > 0).all():
        raise ValueError(f"its voxel spacing is {spacing.tolist()}")
