"""Images with their position in world space."""

import dataclasses
import os

import nibabel as nib
import numpy as np

from kregzoo import ops
from kregzoo.spatial.background import without_nan, without_padding
from kregzoo.spatial.conversion import convert, knows_geometry
from kregzoo.spatial.grid import Grid
from kregzoo.spatial.label_detection import is_piecewise_constant
from kregzoo.spatial.placing import place
from kregzoo.spatial.reading import (
    nibabel_affine,
    nibabel_voxels,
    read_voxels,
    select_channel,
    split_colors,
)
from kregzoo.spatial.voxels import as_voxels, enumerate_values, fits
from kregzoo.spatial.writing import write_voxels
from kregzoo.utils.files import as_path

# Voxels resampled at a time, to limit the memory of the coordinates.
SLAB_VOXELS = 2**21


@dataclasses.dataclass(frozen=True, eq=False)
class Image:
    """One-channel 2-D or 3-D image on a grid.

    Args:
        array: Voxels `(*spatial)`, real numbers or labels. Integers keep their type;
            other types become float32, or int64 if they are whole numbers that
            float32 would change.
        grid: The `Grid` of the voxels.
        name: Name of the image, for example its file name.

    Raises:
        ValueError: If the voxels are not real numbers or do not fit the grid.

    Example:
        >>> image = Image.from_array(np.eye(4), spacing=0.5)
        >>> image.grid.extent
        array([2., 2.])
    """

    array: np.ndarray
    grid: Grid
    name: str | None = None

    def __post_init__(self):
        array = as_voxels(self.array)
        if array.shape != self.grid.shape:
            raise ValueError(
                f"`array` must have the shape of its grid, {self.grid.shape}. "
                f"Received: array of shape {array.shape}"
            )
        object.__setattr__(self, "array", array)

    @property
    def unit(self):
        """Unit of the world: `"mm"`, or `"pixel"` if the pixel size is unknown."""
        return self.grid.unit

    @classmethod
    def from_array(cls, array, spacing=None, affine=None, name=None, channel=None):
        """Place an array in the world.

        The axes of a 3-D array without an affine point to right, anterior and superior.
        A 2-D array without an affine is a picture, as in ITK: rows run down, columns
        run to the right. Trailing axes of length one are dropped, so `(256, 256, 1)` is
        a 2-D image. With an affine `(4, 4)`, any axis of length one is dropped, and
        `Grid.plane` holds the position of the slice in 3-D space.

        Args:
            array: Voxels `(*spatial)`.
            spacing: Millimeters between voxels, one number or one per axis, for an
                array without an affine. Defaults to 1; a 2-D image then has the unit
                `"pixel"`.
            affine: Matrix from voxels to RAS millimeters, `(3, 3)` in 2-D, or
                `(4, 4)`.
            name: Name of the image.
            channel: Channel to take from an array `(*spatial, C)`: an index, or
                `"gray"` for the luminance of RGB or RGBA colors.

        Returns:
            An `Image`.

        Raises:
            ValueError: If the array is not an image of one channel, or `spacing` or
                `affine` is invalid.
        """
        # `asarray` would silently drop the mask of a masked array.
        array = split_colors(np.asanyarray(array))
        if channel is not None:
            array = select_channel(array, channel)
        array, grid = place(array, spacing, affine)
        return cls(array, grid, name)

    @classmethod
    def from_nibabel(cls, image, name=None, channel=None):
        """Take voxels and affine from a nibabel image.

        Args:
            image: A nibabel image.
            name: Name of the image.
            channel: Channel of a color image, or volume of a series: an index, or
                `"gray"`. It has no effect on an image of one channel.

        Returns:
            An `Image`.
        """
        array, has_channels = nibabel_voxels(image)
        channel = channel if has_channels else None
        return cls.from_array(array, None, nibabel_affine(image), name, channel)

    @classmethod
    def read(cls, path, spacing=None, channel=None):
        """Read an image file or a folder with one DICOM series.

        Args:
            path: NIfTI or MGH file, or any file that SimpleITK reads (MetaImage, NRRD,
                DICOM, PNG, JPEG, TIFF), or a folder of DICOM slices, which must form
                one regular volume; gantry tilt is straightened.
            spacing: Millimeters between voxels, one number or one per axis, for
                pictures, whose files have no spacing. It replaces the spacing, position
                and orientation of the file.
            channel: Channel of a color image, or volume of a NIfTI series: an index,
                or `"gray"` for the luminance of colors. It has no effect on an image
                of one channel.

        Returns:
            An `Image` named after the file.

        Raises:
            ValueError: If there is no such file, or it cannot be read as an image of
                one channel.
        """
        path = as_path(path)
        array, affine = read_voxels(path, channel)
        if spacing is not None:
            array, affine = np.squeeze(array), None
        try:
            return cls.from_array(array, spacing, affine, name=path.name)
        except ValueError as error:
            raise ValueError(f"{error} in path={str(path)!r}") from error

    def write(self, path):
        """Write the image to a file, which appears only when it is complete.

        Args:
            path: File to write: NIfTI (`.nii`, `.nii.gz`), MGH (`.mgh`, `.mgz`), or a
                format that SimpleITK writes to one file (`.mha`, `.nrrd`, `.png`,
                `.tif`).

        Raises:
            ValueError: If the format is unknown or cannot store the voxels.
        """
        write_voxels(self.array, self.grid, path)

    def resample(self, grid, transform=None, interpolation="linear", fill="zeros"):
        """Resample the image on a grid, through a transform if one is given.

        Args:
            grid: The `Grid` of the result.
            transform: Transform from world points of `grid` to world points of this
                image. Defaults to the identity.
            interpolation: `"linear"`, or `"nearest"` for labels.
            fill: Value outside the image: `"zeros"`; `"border"`, the nearest voxel;
                or `"background"`, the median of the image's faces if it is below 0,
                as in a CT surrounded by air, otherwise 0. Outside labels it is 0.

        Returns:
            An `Image` on `grid`: float32 after linear interpolation, otherwise of
            this image's type.
        """
        if fill == "background":
            level = _background(self.array) if interpolation == "linear" else 0.0
            above = Image(self.array - level, self.grid) if level else self
            result = above.resample(grid, transform, interpolation)
            return Image(result.array + level, grid, self.name) if level else result
        labels = self.array.dtype.kind in "iu" and interpolation == "nearest"
        if labels and not fits(self.array, "int32"):
            return self._resample_indices(grid, transform, fill)
        # Backends lack some of NumPy's integer types, but all have int32.
        voxels = self.array.astype("int32" if labels else "float32", copy=False)
        sampler = ops.Sampler(voxels[..., np.newaxis], interpolation, fill)
        result = np.empty(grid.shape, self.array.dtype if labels else "float32")
        for rows, slab in grid.slabs(SLAB_VOXELS):
            if transform is None:
                coordinates = slab.coordinates_in(self.grid)
            else:
                coordinates = transform.coordinates(slab, self.grid)
            result[rows] = sampler(coordinates)[..., 0]
        return Image(result, grid, self.name)

    def _resample_indices(self, grid, transform, fill):
        """Resample labels that int32 does not hold, by their indices."""
        values, index = enumerate_values(self.array)
        # Index 0 is the background, which is put outside the image.
        image = Image(index + 1, self.grid).resample(grid, transform, "nearest", fill)
        values = np.append(np.zeros(1, values.dtype), values)
        return Image(values[image.array], grid, self.name)

    def reoriented(self, orientation=None):
        """Permute and flip the axes, without interpolation.

        Args:
            orientation: Letters of the new orientation. Defaults to `"RAS"` in 3-D and
                `"PL"` in 2-D.

        Returns:
            An `Image` with the same voxels at the same positions.
        """
        ornt = self.grid.reorientation(orientation)
        array = nib.orientations.apply_orientation(self.array, ornt)
        return Image(array, self.grid.reoriented(orientation), self.name)


def as_image(value, argument="image", allow_labels=False, channel=None):
    """Convert a value to an image that can be registered.

    Args:
        value: An `Image`, a path, an array, or an image of nibabel, SimpleITK, ITK,
            ANTsPy, MONAI or TorchIO.
        argument: Name of the caller's argument, for error messages.
        allow_labels: Whether to accept label maps and constant images, such as masks.
        channel: Channel of a color image or volume of a series, an index or
            `"gray"`. See `Image.read` and `Image.from_array`.

    Returns:
        An `Image` whose voxels are finite. NaN, which some tools write around an
        object, becomes background, but in a map of labels or a mask.

    Raises:
        ValueError: If the value is not an image of one channel, its voxels are
            infinite, all NaN or all equal, or it is a label map. The message names the
            argument.

    Example:
        >>> as_image(np.eye(4), "moving").grid.shape
        (4, 4)
    """
    try:
        image = _converted(value, channel)
        if not allow_labels:
            image = dataclasses.replace(image, array=without_nan(image.array))
        if not np.isfinite(image.array).all():
            count = np.count_nonzero(~np.isfinite(image.array))
            raise ValueError(
                "The voxels must be finite: replace NaN and infinity, for instance "
                f"with numpy.nan_to_num. Received: {count} voxels that are not"
            )
        if not allow_labels:
            _check_intensities(image.array)
    except ValueError as error:
        raise ValueError(f"`{argument}` is not usable. {error}") from error
    return image


def as_aligned_image(image, value, argument):
    """Convert a mask or label map that belongs to an image.

    Args:
        image: The `Image` to which the value belongs.
        value: Any value that `as_image` accepts. An array of the image's shape, apart
            from axes of length one, gets the image's grid.
        argument: Name of the caller's argument, for error messages.

    Returns:
        An `Image`, which may be a label map.

    Raises:
        ValueError: If `as_image` does not accept the value.

    Example:
        >>> image = Image.from_array(np.eye(4), spacing=0.5)
        >>> as_aligned_image(image, np.eye(4) > 0, "mask").grid == image.grid
        True
    """
    try:
        value = _place_on(image, value)
    except ValueError as error:
        raise ValueError(f"`{argument}` is not usable. {error}") from error
    return as_image(value, argument, allow_labels=True)


def _place_on(image, value):
    """Put an array of an image's shape on its grid. Return other values unchanged."""
    placed = (Image, str, os.PathLike, nib.spatialimages.SpatialImage)
    if isinstance(value, placed) or knows_geometry(value):
        return value
    # `asarray` would silently drop the mask of a masked array.
    array = np.asanyarray(value)
    if np.squeeze(array).shape != np.squeeze(image.array).shape:
        return value
    return Image(array.reshape(image.grid.shape), image.grid)


def _background(array):
    """Find the intensity around an image: the median of its faces, at most 0."""
    faces = [array.take((0, -1), axis).ravel() for axis in range(array.ndim)]
    return np.float32(min(0.0, np.median(np.concatenate(faces))))


def _converted(value, channel):
    if isinstance(value, Image):
        return value
    if isinstance(value, (str, os.PathLike)):
        return Image.read(value, channel=channel)
    if isinstance(value, nib.spatialimages.SpatialImage):
        return Image.from_nibabel(value, channel=channel)
    if knows_geometry(value):
        array, affine, has_channels = convert(value)
        if has_channels:
            array = select_channel(array, channel)
        return Image.from_array(array, affine=affine)
    if hasattr(value, "__array__") or isinstance(value, (list, tuple)):
        return Image.from_array(value, channel=channel)
    raise ValueError(
        "Give a path, an array, a kregzoo.spatial.Image, or an image of nibabel, "
        "SimpleITK, ITK, ANTsPy, MONAI or TorchIO. "
        f"Received: {type(value).__name__}"
    )


def _check_intensities(array):
    """Raise if the voxels are constant or look like labels."""
    if array.min() == array.max():
        raise ValueError(
            "The voxels are all equal, so there is nothing to register. "
            f"Received: the constant {array.flat[0]}"
        )
    # A CT may have two constants, its padding and its air.
    # Contiguous, because samples of other arrays would copy them again.
    voxels = array.astype("float32", order="C")
    if is_piecewise_constant(without_padding(voxels)):
        raise ValueError(
            "It looks like a map of labels: give the image that they outline, and warp "
            "the labels with `Registration.apply(labels)`. Received: whole numbers "
            "that are equal over regions"
        )
