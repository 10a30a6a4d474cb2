"""Exchange with ITK through SimpleITK. All conversions between RAS and LPS are here.

ITK's world coordinates are LPS millimeters: x and y have the opposite sign of RAS. Its
arrays have their axes in reverse order, and so do pictures in NumPy, which have rows
before columns. Therefore 3-D arrays are transposed and 2-D arrays are not: the affine
of a 2-D grid tells which of its axes is x.
"""

import math
import os
import pathlib

import numpy as np

from kregzoo.spatial.errors import UnsuitableImageError
from kregzoo.utils.files import as_path, lowercase_alias

# Maximum number of voxels in a file, 812 along each axis. Headers can claim any number.
MAX_VOXELS = 2**29
# Maximum size in bytes of a transform file, apart from its parameters.
HDF5_OVERHEAD = 2**16
# Readers of the formats that the app accepts from strangers. ITK's readers of other
# formats may open further files.
READERS = {".mha": "MetaImageIO", ".nrrd": "NrrdImageIO", ".png": "PNGImageIO"}


def flip_world(ndim):
    """Return the matrix `(D + 1, D + 1)` between RAS and LPS, its own inverse."""
    return np.diag([-1.0, -1.0, 1.0, 1.0] if ndim == 3 else [-1.0, -1.0, 1.0])


def read_array(path):
    """Read an image file with SimpleITK.

    Args:
        path: Image file.

    Returns:
        Tuple of the array, `(*spatial)` or `(*spatial, C)`, its affine to RAS
        millimeters, and whether the array has a channel axis.
    """
    import SimpleITK as sitk

    path = pathlib.Path(path)
    _check_header(path)
    image = sitk.ReadImage(str(path), imageIO=_reader(path))
    return *from_image(image), image.GetNumberOfComponentsPerPixel() > 1


def check_size(shape):
    """Raise if a file has more than `MAX_VOXELS`, before it is read."""
    voxels = math.prod(int(size) for size in shape)
    if voxels > MAX_VOXELS:
        raise UnsuitableImageError(
            f"The file holds {voxels} voxels, and the maximum is {MAX_VOXELS}: crop it."
        )


def from_image(image):
    """Convert a SimpleITK image to an array and its affine to RAS millimeters.

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
        spacing: Millimeters between voxels, x first.
        origin: Position of the first voxel in LPS mm.
        direction: Matrix `(D, D)` of the axes, or its numbers.

    Returns:
        Tuple of the array and its affine to RAS millimeters.

    Raises:
        UnsuitableImageError: If the image is neither 2-D nor 3-D.
    """
    affine = affine_to_ras(spacing, origin, direction)
    if len(affine) == 3:
        return array, affine[:, [1, 0, 2]]
    return array.transpose(2, 1, 0, *range(3, array.ndim)), affine


def affine_to_ras(spacing, origin, direction):
    """Build the affine from voxels, x first, to RAS millimeters, see `to_ras`."""
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
    """Convert an array to a SimpleITK image.

    Args:
        array: Voxels `(*spatial)`, or vectors `(*spatial, C)`.
        grid: Their `Grid`.

    Returns:
        A `SimpleITK.Image`. Its pixels are vectors if `array` has a channel axis.
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
    """Write a SimpleITK image, compressed if the format allows it."""
    import SimpleITK as sitk

    try:
        sitk.WriteImage(image, str(path), True)
    except RuntimeError as error:
        raise ValueError(
            "SimpleITK could not write the image: the disk is full, or the format "
            "cannot store this type of voxels. Use .nii.gz, which stores all types. "
            f"Received: {image.GetPixelIDTypeAsString()}, path={path.name!r}"
        ) from error


def to_affine(matrix):
    """Convert a matrix `(D + 1, D + 1)` in RAS mm to a `SimpleITK.AffineTransform`."""
    import SimpleITK as sitk

    ndim = len(matrix) - 1
    matrix = flip_world(ndim) @ matrix @ flip_world(ndim)
    transform = sitk.AffineTransform(ndim)
    transform.SetMatrix(matrix[:-1, :-1].ravel().tolist())
    transform.SetTranslation(matrix[:-1, -1].tolist())
    return transform


def from_linear(transform):
    """Convert a linear SimpleITK transform to a matrix `(D + 1, D + 1)` in RAS mm."""
    ndim = transform.GetDimension()
    # The images of the origin and the unit points give the matrix, whatever the
    # parameters of the transform mean.
    zero, *units = (
        np.array(transform.TransformPoint(point.tolist()))
        for point in np.eye(ndim + 1, ndim, k=-1)
    )
    matrix = np.eye(ndim + 1)
    matrix[:-1, :-1] = np.stack([unit - zero for unit in units], axis=1)
    matrix[:-1, -1] = zero
    return flip_world(ndim) @ matrix @ flip_world(ndim)


def to_field(displacement, grid):
    """Convert a displacement field to a SimpleITK image of vectors in LPS mm.

    Args:
        displacement: Displacements in voxels of `grid`, `(*spatial, D)`.
        grid: The `Grid` of the field.

    Returns:
        A `SimpleITK.Image` of float64 vectors.
    """
    linear = flip_world(grid.ndim)[:-1, :-1] @ grid.affine[:-1, :-1]
    return to_image(displacement @ linear.T, grid)


def from_field(image):
    """Convert a field to vectors in RAS mm, `(*spatial, D)`, and their affine."""
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
    """Convert voxel displacements to a `SimpleITK.DisplacementFieldTransform`."""
    import SimpleITK as sitk

    return sitk.DisplacementFieldTransform(to_field(displacement, grid))


def to_composite(transforms):
    """Chain SimpleITK transforms in the order in which they map points."""
    import SimpleITK as sitk

    # ITK applies the last transform first.
    return sitk.CompositeTransform(transforms[::-1])


def parts(composite):
    """List the parts of a SimpleITK composite in the order in which they map points."""
    count = composite.GetNumberOfTransforms()
    return [composite.GetNthTransform(index) for index in reversed(range(count))]


def write_transform(transform, path):
    """Write a SimpleITK transform to a file, in the format of its ending."""
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
    """Count the parameters of all parts. ITK counts those of one part only."""
    if transform.GetName() == "CompositeTransform":
        return sum(_count_parameters(part) for part in parts(transform))
    return transform.GetNumberOfParameters()


def _check_space(path, size):
    """Raise if the disk is full, because HDF5 would then crash the process."""
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
    """Return ITK's reader for a format; empty to let ITK choose by the content."""
    return READERS.get(path.suffix.lower(), "")


def _check_header(path):
    """Raise if the image is too large for the memory, before its voxels are read."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(_reader(path))
    reader.ReadImageInformation()
    check_size([*reader.GetSize(), reader.GetNumberOfComponents()])


def _check_hdf5(path):
    """Raise if the file is damaged, because ITK's reader may then end the process."""
    import h5py

    if path.suffix.lower() != ".h5":
        return

    def read(_, item):
        if isinstance(item, h5py.Dataset):
            check_size(item.shape)
            item[()]

    with h5py.File(path, "r") as file:
        file.visititems(read)
