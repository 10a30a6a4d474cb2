"""Exchange with ITK through SimpleITK: every step between RAS and LPS is here.

ITK's world is LPS millimetres: x and y point the other way than in RAS. Its arrays are
in reverse order of axes, and so are pictures as NumPy holds them, rows before columns.
So a 3-D array is transposed on its way, and a 2-D array is not: its grid's affine says
which of its axes is x.
"""

import pathlib

import numpy as np


def flip_world(ndim):
    """Matrix `(D + 1, D + 1)` between RAS and LPS, its own inverse."""
    return np.diag([-1.0, -1.0, 1.0, 1.0] if ndim == 3 else [-1.0, -1.0, 1.0])


def read_array(path):
    """Read what SimpleITK reads.

    Args:
        path: Image file or folder with one DICOM series.

    Returns:
        Tuple of the array `(*spatial)` and its affine to RAS millimetres.

    Raises:
        ValueError: If a folder does not hold one series, or an image is of several
            channels.
    """
    import SimpleITK as sitk

    path = pathlib.Path(path)
    files = str(path)
    if path.is_dir():
        series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(path))
        if len(series) != 1:
            raise ValueError(
                f"a folder must hold one DICOM series; this one holds {len(series)}"
            )
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path), series[0])
    image = sitk.ReadImage(files)
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(
            f"it has {image.GetNumberOfComponentsPerPixel()} channels; give one of them"
        )
    return from_image(image)


def from_image(image):
    """Take the array and the affine to RAS millimetres of a SimpleITK image."""
    import SimpleITK as sitk

    array = sitk.GetArrayFromImage(image)
    ndim = image.GetDimension()
    affine = np.eye(ndim + 1)
    direction = np.reshape(image.GetDirection(), (ndim, ndim))
    affine[:-1, :-1] = direction * image.GetSpacing()
    affine[:-1, -1] = image.GetOrigin()
    affine = flip_world(ndim) @ affine
    if ndim == 2:
        return array, affine[:, [1, 0, 2]]
    return array.transpose(), affine


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


def write_image(image, path):
    """Write an `Image` to a file that SimpleITK knows by its ending."""
    import SimpleITK as sitk

    try:
        sitk.WriteImage(to_image(image.array, image.grid), str(path), True)
    except RuntimeError as error:
        raise ValueError(
            "SimpleITK does not write such an image to such a file; .nii.gz takes all. "
            f"Received: dtype={image.array.dtype}, path={str(path)!r}"
        ) from error
