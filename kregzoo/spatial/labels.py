"""Label maps: segmented structures of an image."""

import functools
import warnings

import numpy as np

from kregzoo.spatial.image import Image, as_image
from kregzoo.spatial.label_detection import looks_like_labels
from kregzoo.spatial.reading import NIFTI_SUFFIXES, read_channels
from kregzoo.spatial.voxels import enumerate_values, fits
from kregzoo.utils.files import as_path


def as_labels(value, argument="labels"):
    """Convert a value to a label map.

    Args:
        value: An `Image`, a path, a nibabel image, or an array.
        argument: Name of the caller's argument, for error messages.

    Returns:
        An `Image` of integers.

    Raises:
        ValueError: If the value is not an image of one channel, or its voxels are not
            whole numbers. The message names the argument.
    """
    image = as_image(value, argument, allow_labels=True)
    if image.array.dtype.kind in "iu":
        return image
    if np.abs(image.array).max() >= 2.0**63:
        raise ValueError(
            f"`{argument}` is not usable. Labels must be 64-bit integers. "
            f"Received: values up to {np.abs(image.array).max():.3g}"
        )
    whole = image.array.astype("int64")
    if not np.array_equal(whole, image.array):
        count = np.count_nonzero(whole != image.array)
        raise ValueError(
            f"`{argument}` is not usable. Labels must be whole numbers. "
            f"Received: {count} voxels that are not"
        )
    dtype = "int32" if fits(whole, "int32") else "int64"
    return Image(whole.astype(dtype), image.grid, image.name)


def choose_interpolation(image):
    """Choose how to interpolate an image, and warn if it looks like a label map.

    Args:
        image: The `Image` to warp.

    Returns:
        `"nearest"` if the image looks like a label map, otherwise `"linear"`.
    """
    if not looks_like_labels(image.array):
        return "linear"
    warnings.warn(
        f"{image.name or 'The image'} looks like a map of labels and is warped by "
        "nearest neighbor. Pass interpolation='linear' to interpolate its values, or "
        "interpolation='nearest' if it contains labels.",
        stacklevel=3,
    )
    return "nearest"


class LabelMap:
    """Structures of an image, as one map of integers or as binary channels.

    Args:
        images: list of `Image`: one map, or one channel per structure.
        channels: bool. True if `images` are channels.
    """

    def __init__(self, images, channels):
        self.images = images
        self.channels = channels
        self.grid = images[0].grid

    @classmethod
    def read(cls, path):
        """Read a file of labels.

        Args:
            path: Image file of whole numbers; or NIfTI file with a binary channel for
                each structure along the fourth axis.

        Returns:
            A `LabelMap`.

        Raises:
            ValueError: If the file is not an image, its voxels are not whole numbers,
                or a channel is not binary.
        """
        path = as_path(path)
        if not path.name.lower().endswith(NIFTI_SUFFIXES):
            return cls([as_labels(path, path.name)], channels=False)
        array, affine, has_channels = read_channels(path)
        if not has_channels:
            image = Image.from_array(array, affine=affine, name=path.name)
            return cls([as_labels(image, path.name)], channels=False)
        channels = np.moveaxis(array, -1, 0)
        for channel in channels:
            _check_binary(channel, path)
        images = [Image.from_array(channel, affine=affine) for channel in channels]
        return cls(images, channels=True)

    def labels(self):
        """Set of the structures in the map."""
        if self.channels:
            return {n for n, image in enumerate(self.images) if image.array.any()}
        return {int(value) for value in np.unique(self.images[0].array)} - {0}

    def mask(self, label, box=...):
        """Return the boolean mask of a structure, cropped to a box of slices."""
        if self.channels:
            return self.images[label].array[box] > 0
        return self.images[0].array[box] == label

    def centroid(self, label):
        """Return the centroid of a structure in RAS mm, `(1, D)`."""
        index = np.argwhere(self.mask(label)).mean(axis=0, keepdims=True)
        return self.grid.voxel_to_world(index)

    def box(self, label):
        """Return the slices of the smallest box around a structure, or None."""
        return self._boxes.get(label)

    @functools.cached_property
    def _boxes(self):
        from scipy import ndimage

        if self.channels:
            masks = [(image.array > 0).astype("uint8") for image in self.images]
            return {n: ndimage.find_objects(m, 1)[0] for n, m in enumerate(masks)}
        # Find all boxes in one pass, because there may be hundreds of labels. Use their
        # indices, because SciPy makes a list as long as the largest label.
        values, index = enumerate_values(self.images[0].array)
        return dict(zip(values.tolist(), ndimage.find_objects(index + 1), strict=True))

    def warp(self, transform, grid):
        """Warp the structures by a transform, with nearest-neighbor interpolation."""
        images = [transform.apply(image, grid, "nearest") for image in self.images]
        return LabelMap(images, self.channels)


def _check_binary(channel, path):
    values = np.unique(channel)
    if np.count_nonzero(values) > 1:
        raise ValueError(
            "The channels of a label file must be binary, with one structure each; "
            "store several labels in a 3-D file. Received: a channel with the "
            f"values {', '.join(f'{value:g}' for value in values[:5])} in "
            f"path={str(path)!r}"
        )
