"""Exchange with ITK through SimpleITK: every step between RAS and LPS is here.

ITK's world is LPS millimetres: x and y point the other way than in RAS. Its arrays are
in reverse order of axes, and so are pictures as NumPy holds them, rows before columns.
So a 3-D array is transposed on its way, and a 2-D array is not: its grid's affine says
which of its axes is x.
"""

import math
import os
import pathlib

import numpy as np

from kregzoo.spatial.errors import UnsuitableImageError
from kregzoo.utils.files import as_path, lowercase_alias

# Voxels of a file at most, 812 along each axis: a header can promise any number.
MAX_VOXELS = 2**29
# Bytes of a transform's file beside its parameters, at most.
HDF5_OVERHEAD = 2**16
# Of formats that a server takes from strangers: others read more than their own file.
READERS = {".mha": "MetaImageIO", ".nrrd": "NrrdImageIO", ".png": "PNGImageIO"}


def flip_world(ndim):
    """Matrix `(D + 1, D + 1)` between RAS and LPS, its own inverse."""
    return np.diag([-1.0, -1.0, 1.0, 1.0] if ndim == 3 else [-1.0, -1.0, 1.0])


def read_array(path):
    """Read what SimpleITK reads.

    Args:
        path: Image file.

    Returns:
        Tuple of the array, `(*spatial)` or `(*spatial, C)`, its affine to RAS
        millimetres, and whether it has the axis of channels.
    """
    import SimpleITK as sitk

    path = pathlib.Path(path)
    _check_header(path)
    image = sitk.ReadImage(str(path), imageIO=_reader(path))
    return *from_image(image), image.GetNumberOfComponentsPerPixel() > 1


def check_size(shape):
    """Raise for a file of more than `MAX_VOXELS`, before any of them is read."""
    voxels = math.prod(int(size) for size in shape)
    if voxels > MAX_VOXELS:
        raise UnsuitableImageError(
            f"The file holds {voxels} voxels, and the maximum is {MAX_VOXELS}: crop it."
        )


def from_image(image):
    """Take the array and the affine to RAS millimetres of a SimpleITK image.

    Args:
        image: A `SimpleITK.Image`.

    Returns:
        Tuple of the array, `(*spatial)`, or `(*spatial, C)` if the image has several
        channels, and its affine.
    """
    import SimpleITK as sitk

    array = sitk.GetArrayFromImage(image)
    return to_ras(array, image.GetSpacing(), image.GetOrigin(), image.GetDirection())


def to_ras(array, spacing, origin, direction):
    """Put an array in ITK's order of axes into the package's order.

    Args:
        array: Voxels `(*spatial)` or `(*spatial, C)`, the last spatial axis being x.
        spacing: Millimetres between voxels, x first.
        origin: Position of the first voxel in LPS mm.
        direction: Matrix `(D, D)` of the axes, or its numbers.

    Returns:
        Tuple of the array and its affine to RAS millimetres.

    Raises:
        UnsuitableImageError: If the image is neither 2-D nor 3-D.
    """
    affine = affine_to_ras(spacing, origin, direction)
    if len(affine) == 3:
        return array, affine[:, [1, 0, 2]]
    return array.transpose(2, 1, 0, *range(3, array.ndim)), affine


def affine_to_ras(spacing, origin, direction):
    """Build the affine from voxels, x first, to RAS millimetres, see `to_ras`."""
    spacing = np.array([float(value) for value in spacing])
    ndim = len(spacing)
    if ndim not in (2, 3):
        raise UnsuitableImageError(
            f"The image has {ndim} dimensions, and 2 or 3 are needed: choose a volume."
        )
    affine = np.eye(ndim + 1)
    affine[:-1, :-1] = np.reshape(np.asarray(direction), (ndim, ndim)) * spacing
    affine[:-1, -1] = [float(value) for value in origin]
    return flip_world(ndim) @ affine


def to_image(array, grid):
    """Make a SimpleITK image.

    Args:
        array: Voxels `(*spatial)`, or vectors `(*spatial, C)`.
        grid: Their `Grid`.

    Returns:
        A `SimpleITK.Image`, of vectors if `array` has a channel axis.
    """
    import SimpleITK as sitk

    affine = flip_world(grid.ndim) @ grid.affine
    if grid.ndim == 2:
        affine = affine[:, [1, 0, 2]]
        spacing = grid.spacing[::-1]
    else:
        array = array.transpose(2, 1, 0, *range(3, array.ndim))
        spacing = grid.spacing
    vectors = array.ndim > grid.ndim
    image = sitk.GetImageFromArray(np.ascontiguousarray(array), isVector=vectors)
    image.SetSpacing([float(value) for value in spacing])
    image.SetOrigin([float(value) for value in affine[:-1, -1]])
    image.SetDirection((affine[:-1, :-1] / spacing).ravel().tolist())
    return image


def write(image, path):
    """Write a SimpleITK image, compressed where the format can be."""
    import SimpleITK as sitk

    try:
        sitk.WriteImage(image, str(path), True)
    except RuntimeError as error:
        raise ValueError(
            "SimpleITK could not write the image: the disk is full, or such a file "
            "does not hold such an image; .nii.gz holds all. "
            f"Received: {image.GetPixelIDTypeAsString()}, path={path.name!r}"
        ) from error


def to_affine(matrix):
    """Make a `SimpleITK.AffineTransform` of a matrix `(D + 1, D + 1)` in RAS mm."""
    import SimpleITK as sitk

    ndim = len(matrix) - 1
    matrix = flip_world(ndim) @ matrix @ flip_world(ndim)
    transform = sitk.AffineTransform(ndim)
    transform.SetMatrix(matrix[:-1, :-1].ravel().tolist())
    transform.SetTranslation(matrix[:-1, -1].tolist())
    return transform


def from_linear(transform):
    """Take the matrix `(D + 1, D + 1)` in RAS mm of any linear SimpleITK transform."""
    ndim = transform.GetDimension()
    # Where zero and the unit points go is the matrix, whatever the parameters are.
    zero, *units = (
        np.array(transform.TransformPoint(point.tolist()))
        for point in np.eye(ndim + 1, ndim, k=-1)
    )
    matrix = np.eye(ndim + 1)
    matrix[:-1, :-1] = np.stack([unit - zero for unit in units], axis=1)
    matrix[:-1, -1] = zero
    return flip_world(ndim) @ matrix @ flip_world(ndim)


def to_field(displacement, grid):
    """Make a SimpleITK image of vectors in LPS mm.

    Args:
        displacement: Voxels of `grid` along each of its axes, `(*spatial, D)`.
        grid: Its `Grid`.

    Returns:
        A `SimpleITK.Image` of float64 vectors.
    """
    linear = flip_world(grid.ndim)[:-1, :-1] @ grid.affine[:-1, :-1]
    return to_image(displacement @ linear.T, grid)


def from_field(image):
    """Take the vectors in RAS mm, `(*spatial, D)`, and the affine of a field."""
    import SimpleITK as sitk

    ndim = image.GetDimension()
    if image.GetNumberOfComponentsPerPixel() != ndim:
        raise ValueError(
            f"A displacement field of {ndim} dimensions has {ndim} components. "
            f"Received: {image.GetNumberOfComponentsPerPixel()}"
        )
    _, affine = from_image(sitk.VectorIndexSelectionCast(image, 0))
    array = sitk.GetArrayFromImage(image).astype("float32")
    array = array if ndim == 2 else array.transpose(2, 1, 0, 3)
    return array * np.diag(flip_world(ndim))[:-1].astype("float32"), affine


def to_displacement_field_transform(displacement, grid):
    """Make a `SimpleITK.DisplacementFieldTransform` of voxel displacements."""
    import SimpleITK as sitk

    return sitk.DisplacementFieldTransform(to_field(displacement, grid))


def to_composite(transforms):
    """Chain SimpleITK transforms, the first of which takes the points first."""
    import SimpleITK as sitk

    # ITK applies the transform that was added last first.
    return sitk.CompositeTransform(transforms[::-1])


def parts(composite):
    """List the parts of a SimpleITK composite, the first to take the points first."""
    count = composite.GetNumberOfTransforms()
    return [composite.GetNthTransform(index) for index in reversed(range(count))]


def write_transform(transform, path):
    """Write a SimpleITK transform to a file whose ending chooses the format."""
    import SimpleITK as sitk

    if path.suffix.lower() == ".h5":
        _check_space(path, 8 * _count_parameters(transform) + HDF5_OVERHEAD)
    try:
        sitk.WriteTransform(transform, str(path))
    except RuntimeError as error:
        raise OSError(
            f"SimpleITK could not write the transform. Received: path={path.name!r}"
        ) from error


def _count_parameters(transform):
    """Of all parts: a composite itself counts those of one alone."""
    if transform.GetName() == "CompositeTransform":
        return sum(_count_parameters(part) for part in parts(transform))
    return transform.GetNumberOfParameters()


def _check_space(path, size):
    """Raise where a file has no space, of which HDF5 would crash the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)


def read_transform(path):
    """Read a transform file with SimpleITK."""
    return _read(path, "ReadTransform", _check_hdf5)


def read_field(path):
    """Read an image of vectors with SimpleITK."""
    return _read(path, "ReadImage", _check_header)


def _read(path, reader, check):
    import SimpleITK as sitk

    path = as_path(path)
    if not path.is_file():
        raise ValueError(f"There is no such file. Received: path={str(path)!r}")
    try:
        with lowercase_alias(path) as readable:
            check(readable)
            return getattr(sitk, reader)(str(readable))
    except (RuntimeError, OSError, ValueError) as error:
        raise ValueError(
            f"The file holds no transform that ITK reads. Received: path={str(path)!r}"
        ) from error


def _reader(path):
    """ITK's reader of a format; by default ITK asks the content, whatever the name."""
    return READERS.get(path.suffix.lower(), "")


def _check_header(path):
    """Raise for an image that would fill the memory, before its voxels are read."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(_reader(path))
    reader.ReadImageInformation()
    check_size([*reader.GetSize(), reader.GetNumberOfComponents()])


def _check_hdf5(path):
    """Raise for a damaged file, on some of which ITK's reader ends the process."""
    import h5py

    if path.suffix.lower() != ".h5":
        return

    def read(_, item):
        if isinstance(item, h5py.Dataset):
            check_size(item.shape)
            item[()]

    with h5py.File(path, "r") as file:
        file.visititems(read)
