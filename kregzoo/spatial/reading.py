"""Read image files: the voxels and their position in the world."""

import io
import math

import nibabel as nib
import numpy as np

from kregzoo.spatial import itk
from kregzoo.spatial.dicom import read_series
from kregzoo.spatial.errors import UnsuitableImageError
from kregzoo.utils.files import lowercase_alias

NIFTI_SUFFIXES = (".nii", ".nii.gz")
MGH_SUFFIXES = (".mgh", ".mgz")
# NIfTI and Analyze in two files. ITK reads these too, but prefers the qform to the
# sform, and puts the origin of an Analyze file elsewhere than SPM and nibabel do.
PAIR_SUFFIXES = (".hdr", ".img", ".hdr.gz", ".img.gz")
NIBABEL_SUFFIXES = NIFTI_SUFFIXES + MGH_SUFFIXES + PAIR_SUFFIXES
# Formats of photographs. Most files have no physical pixel size.
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
# Millimeters in the units of NIfTI's codes: meter, millimeter, micron. Files without a
# unit are in millimeters by convention.
MILLIMETERS = {1: 1e3, 2: 1.0, 3: 1e-3}
# Maximum number of bytes after the voxels, so that a file cannot fill the memory.
TRAILER = 2**24
# Weights of red, green and blue in the luminance (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)


def read_voxels(path, channel=None):
    """Read an image file or a folder with one DICOM series.

    Args:
        path: `pathlib.Path` of the file or folder.
        channel: Channel to take, see `select_channel`. It has no effect on an image of
            one channel.

    Returns:
        Tuple of the array `(*spatial)` and its affine to RAS millimeters. The affine
        is None for a picture of unknown pixel size.

    Raises:
        ValueError: If there is no such file, or it cannot be read as an image of one
            channel.
    """
    array, affine, has_channels = read_channels(path)
    if not has_channels:
        return array, affine
    try:
        return select_channel(array, channel), affine
    except UnsuitableImageError as error:
        raise ValueError(f"{error} Received: path={str(path)!r}") from error


def read_channels(path):
    """Read an image file, or a folder with one DICOM series, with all its channels.

    Args:
        path: `pathlib.Path` of the file or folder.

    Returns:
        Tuple of the array, `(*spatial)` or `(*spatial, C)`; its affine to RAS
        millimeters, None for a picture of unknown pixel size; and whether the array
        has a channel axis: colors, or volumes of a series.

    Raises:
        ValueError: If there is no such file, or it cannot be read as an image.
    """
    if not path.exists():
        raise ValueError(f"There is no such file. Received: path={str(path)!r}")
    name = path.name.lower()
    try:
        if path.is_dir():
            array, affine, channels = read_series(path)
        elif name.endswith(NIFTI_SUFFIXES + MGH_SUFFIXES):
            with lowercase_alias(path) as readable:
                array, affine, channels = _read_by_nibabel(readable)
        elif name.endswith(PAIR_SUFFIXES):
            array, affine, channels = _read_by_nibabel(path)
        else:
            array, affine, channels = itk.read_array(path)
    except UnsuitableImageError as error:
        raise ValueError(f"{error} Received: path={str(path)!r}") from error
    # Readers raise many types of errors for damaged files.
    except Exception as error:
        raise ValueError(
            f"The file could not be read as an image ({error}). It may be damaged "
            f"or of another format. Received: path={str(path)!r}"
        ) from error
    if name.endswith(PICTURE_SUFFIXES) and _has_unit_spacing(affine):
        affine = None
    return array, affine, channels


def select_channel(array, channel):
    """Take one channel of an array whose last axis is the channels.

    Args:
        array: Array `(*spatial, C)`.
        channel: Index of a channel, or `"gray"` for the luminance of RGB or RGBA
            colors (with one or two channels, the first).

    Returns:
        Array `(*spatial)`.

    Raises:
        UnsuitableImageError: If no channel is chosen, or there is no such channel.
    """
    count = array.shape[-1]
    if channel is None:
        raise UnsuitableImageError(
            f"The image has {count} channels or volumes, and one is needed: choose it "
            "with `kregzoo.spatial.Image.read(path, channel=...)`, an index, or 'gray' "
            "for the luminance of a color image."
        )
    if channel == "gray" and count in (3, 4):
        return array[..., :3].astype("float32") @ np.array(LUMINANCE, "float32")
    if channel == "gray" and count < 3:
        return array[..., 0]
    is_index = isinstance(channel, (int, np.integer)) and not isinstance(channel, bool)
    if is_index and -count <= channel < count:
        return array[..., channel]
    raise UnsuitableImageError(
        f"`channel` must be an index below {count}, the number of channels, or 'gray' "
        f"for a color image. Received: channel={channel!r}."
    )


def split_colors(array):
    """Convert the records of nibabel's RGB arrays to a last axis."""
    if array.dtype.names is None:
        return array
    return np.stack([array[name] for name in array.dtype.names], axis=-1)


def nibabel_voxels(image):
    """Take the voxels of a nibabel image.

    Args:
        image: A nibabel image.

    Returns:
        Tuple of the array, `(*spatial)` or `(*spatial, C)`, and whether it has a
        channel axis: colors, components of a vector, or volumes of a series.
    """
    # `dataobj` keeps the integers of label maps without scaling; get_fdata does not.
    # `asarray` would silently drop the mask of a masked array.
    array = split_colors(np.asanyarray(image.dataobj))
    if array.ndim == 5 and array.shape[3] == 1:
        # In NIfTI the fourth axis is time, the fifth is the components of a vector.
        array = array[:, :, :, 0]
    has_colors = array.ndim > len(image.shape)
    return array, has_colors or (array.ndim == 4 and array.shape[-1] > 1)


def nibabel_affine(image):
    """Find the affine to RAS millimeters of a nibabel image.

    nibabel returns the numbers of a NIfTI header without converting their unit.

    Args:
        image: A nibabel image.

    Returns:
        Array `(4, 4)`.
    """
    affine = image.affine
    if affine is None:
        affine = image.header.get_best_affine()
    if isinstance(image.header, nib.Nifti1Header):
        code = int(image.header["xyzt_units"]) & 7
        scale = MILLIMETERS.get(code, 1.0)
        affine = affine * [[scale], [scale], [scale], [1.0]]
    return affine


def _read_by_nibabel(path):
    """Return the array, the affine, and whether the array has a channel axis."""
    file = nib.load(path)
    itk.check_size(file.shape)
    header = file.file_map.get("header", file.file_map["image"])
    with header.get_prepare_fileobj() as stream:
        _check_spacing(file, stream)
    if path.name.lower().endswith("z"):
        file = _decompressed(file)
    array, has_channels = nibabel_voxels(file)
    return array, nibabel_affine(file), has_channels


def _decompressed(file):
    """Read a compressed nibabel image to memory, and check that it is complete.

    nibabel stops reading at the last voxel, before the checksum.
    """
    # Python integers, because sizes of a damaged header may overflow NumPy's.
    voxels = file.dataobj.dtype.itemsize * math.prod(map(int, file.shape))
    limit = file.dataobj.offset + voxels + TRAILER
    file_map = {}
    for kind in {"image", "header"} & set(file.file_map):
        with file.file_map[kind].get_prepare_fileobj() as stream:
            file_map[kind] = nib.FileHolder(fileobj=io.BytesIO(stream.read(limit)))
    return type(file).from_file_map({**file.file_map, **file_map})


def _check_spacing(file, stream):
    """Raise if a spacing is not positive, which nibabel would silently replace."""
    if not isinstance(file.header, nib.Nifti1Header):
        return
    header = type(file.header).from_fileobj(stream, check=False)
    spacing = header["pixdim"][1 : 1 + len(file.shape)][:3]
    if header["sform_code"] == 0 and not (spacing > 0).all():
        raise ValueError(f"its voxel spacing is {spacing.tolist()}")


def _has_unit_spacing(affine):
    return affine.shape == (3, 3) and np.allclose(np.abs(affine).sum(axis=0)[:2], 1)
