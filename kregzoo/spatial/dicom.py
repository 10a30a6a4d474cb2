"""Read a folder with the slices of one DICOM series.

ITK stacks whatever slices a folder holds as if they were evenly spaced along their
normal. Here the position and orientation of every slice are checked, and a folder
whose slices form no regular volume is refused with the reason.
"""

import dataclasses

import numpy as np

from kregzoo.spatial import itk
from kregzoo.spatial.errors import UnsuitableImageError

# Tag of the position of a slice, without which ITK puts it at the origin.
POSITION = "0020|0032"
# Relative difference of two gaps between slices that rounding in files may cause.
GAP_TOLERANCE = 0.1
# Two slices this share of the largest gap apart, or less, are at one position.
SAME_POSITION = 1e-3
# Difference of two directions' unit vectors that rounding may cause.
DIRECTION_TOLERANCE = 1e-3
# Pixels that the stack may lean, from first to last slice, before it counts as tilted.
TILT_TOLERANCE = 0.1


@dataclasses.dataclass(frozen=True)
class _Slice:
    """Header of one file, with vectors in LPS millimetres."""

    path: str
    size: tuple
    spacing: np.ndarray
    direction: np.ndarray
    origin: np.ndarray
    has_position: bool
    pixel_type: int

    @property
    def depth(self):
        """Position along the normal of the slice."""
        return float(self.origin @ self.direction[:, 2])


def read_series(folder):
    """Read a DICOM series.

    A stack with gantry tilt is straightened: its slices are shifted within their
    planes, by linear interpolation, onto a grid of perpendicular axes.

    Args:
        folder: `pathlib.Path` of a folder with one series.

    Returns:
        Tuple of the array, `(*spatial)` or `(*spatial, C)`, its affine to RAS
        millimetres, and whether it has the axis of channels.

    Raises:
        UnsuitableImageError: If the folder does not hold one series, or its slices form
            no regular volume.
    """
    import SimpleITK as sitk

    slices = [_read_header(path) for path in _files(folder)]
    if len(slices) == 1:
        return itk.read_array(slices[0].path)
    _check_alike(slices)
    slices = sorted(slices, key=lambda part: part.depth)
    gap = _gap(slices)
    itk.check_size((*slices[0].size, len(slices)))
    # Slices may be scaled differently, some to whole numbers and some not. ITK would
    # round all of them to the type of the first.
    is_mixed = len({part.pixel_type for part in slices}) > 1
    image = sitk.ReadImage(
        [part.path for part in slices],
        sitk.sitkFloat32 if is_mixed else sitk.sitkUnknown,
    )
    array, _ = itk.from_image(image)
    array, affine = _place(array, slices, gap)
    return array, itk.flip_world(3) @ affine, image.GetNumberOfComponentsPerPixel() > 1


def _files(folder):
    """Paths of the files of the one series in a folder."""
    import SimpleITK as sitk

    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise UnsuitableImageError(
            "The folder could not be read as an image, because it holds no DICOM "
            "series: give a file, or the folder of a series."
        )
    if len(series) > 1:
        raise UnsuitableImageError(
            f"A folder must hold one DICOM series, but this one holds {len(series)}: "
            "give the folder of one series, or move one to a folder of its own."
        )
    return sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])


def _read_header(path):
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(path)
    reader.SetImageIO("GDCMImageIO")
    reader.ReadImageInformation()
    return _Slice(
        path=path,
        size=reader.GetSize(),
        spacing=np.array(reader.GetSpacing()),
        direction=np.reshape(reader.GetDirection(), (3, 3)),
        origin=np.array(reader.GetOrigin()),
        has_position=reader.HasMetaDataKey(POSITION),
        pixel_type=reader.GetPixelID(),
    )


def _check_alike(slices):
    """Raise unless all files hold one slice, of the same shape and orientation."""
    first = slices[0]
    if any(part.size[2] > 1 for part in slices):
        raise UnsuitableImageError(
            f"The series holds {len(slices)} files of several frames each: give one "
            "of the files."
        )
    if not all(part.has_position for part in slices):
        raise UnsuitableImageError(
            "The slices of the series have no position (DICOM tag 0020,0032), so they "
            "form no volume: give one of the files."
        )
    if any(
        np.abs(part.direction - first.direction).max() > DIRECTION_TOLERANCE
        for part in slices
    ):
        raise UnsuitableImageError(
            "The slices of the series have different orientations, as in a localizer: "
            "give a folder with the slices of one orientation."
        )
    if any(
        part.size != first.size
        or not np.allclose(part.spacing[:2], first.spacing[:2], rtol=1e-3)
        for part in slices
    ):
        raise UnsuitableImageError(
            "The slices of the series differ in their numbers of pixels or in their "
            "pixel sizes: give a folder with slices of one kind."
        )


def _gap(slices):
    """Distance of neighboring slices, raising unless it is the same everywhere."""
    gaps = np.diff([part.depth for part in slices])
    places = 1 + np.count_nonzero(gaps > SAME_POSITION * gaps.max())
    if places < len(slices):
        raise UnsuitableImageError(
            f"The series holds {len(slices)} slices at {places} positions, so more "
            "than one volume (time points, echoes or b-values): give a folder with "
            "the slices of one volume."
        )
    gap = np.median(gaps)
    uneven = np.abs(gaps - gap) > GAP_TOLERANCE * gap
    if uneven.any():
        raise UnsuitableImageError(
            f"The slices of the series are {gap:.4g} mm apart, but not at "
            f"{np.count_nonzero(uneven)} of {len(gaps)} places (up to "
            f"{gaps.max():.4g} mm), so slices are missing or unevenly spaced: complete "
            "the folder, or give a part of it that is evenly spaced."
        )
    return gaps.mean()


def _place(array, slices, gap):
    """Array and affine to LPS millimetres of a stack, straightened if it is tilted."""
    first = slices[0]
    scale = np.array([*first.spacing[:2], gap])
    affine = np.eye(4)
    affine[:3, :3] = first.direction * scale
    offsets = np.stack([part.origin - first.origin for part in slices])
    # In pixels along the rows and columns of the slices.
    offsets = (offsets @ first.direction / scale)[:, :2]
    line = np.outer(np.linspace(0, 1, len(slices)), offsets[-1])
    if np.abs(offsets - line).max() > 0.5:
        raise UnsuitableImageError(
            "The slices of the series do not lie on a line, so they form no volume: "
            "give a folder with the slices of one volume."
        )
    affine[:3, 3] = first.origin
    if np.abs(line[-1]).max() > TILT_TOLERANCE:
        array, start = _straightened(array, line)
        affine[:3, 3] = (affine @ [*start, 0, 1])[:3]
    return array, affine


def _straightened(array, offsets):
    """Shift every slice within its plane, in an array that holds all of them.

    Args:
        array: Stack `(X, Y, Z)`, or `(X, Y, Z, C)`.
        offsets: Pixels by which slices are displaced, `(Z, 2)`.

    Returns:
        Tuple of the larger array, with the lowest intensity where no slice was, and
        the pixel `(2,)` of the first slice at which it starts.
    """
    from scipy import ndimage

    # Rounded, so that an error of rounding adds no row.
    offsets = np.round(offsets, 3)
    start = np.floor(offsets.min(axis=0)).astype(int)
    added = np.ceil(offsets.max(axis=0)).astype(int) - start
    level = array.min()
    padding = [(0, added[0]), (0, added[1])] + [(0, 0)] * (array.ndim - 2)
    padded = np.pad(array, padding, constant_values=level)
    result = np.empty_like(padded)
    for index, offset in enumerate(offsets - start):
        part = padded[:, :, index].astype("float64")
        shift = [*offset] + [0] * (part.ndim - 2)
        moved = ndimage.shift(part, shift, order=1, cval=level)
        is_integer = array.dtype.kind in "iu"
        result[:, :, index] = np.round(moved) if is_integer else moved
    return result, start
