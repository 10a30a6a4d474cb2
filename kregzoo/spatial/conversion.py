"""Conversion of images of other libraries to voxels and affines.

The module does not convert arrays without a geometry. Images are recognized by their
attributes, without importing the libraries, because most users have few of them.
"""

import numpy as np

from kregzoo.spatial import itk

# Attributes of array types that have a geometry.
GEOMETRY = (
    *("affine", "spacing", "origin", "direction", "coords", "pixdim", "grid"),
    *("GetSpacing", "GetOrigin"),
)


def knows_geometry(value):
    """Check whether an object has a geometry.

    Args:
        value: Any object.

    Returns:
        bool, True if `convert` takes the object.

    Example:
        >>> knows_geometry(np.eye(4))
        False
    """
    if type(value) is np.ndarray or isinstance(value, (list, tuple)):
        return False
    return any(getattr(value, name, None) is not None for name in GEOMETRY)


def convert(value):
    """Take voxels and affine from an image of another library.

    Args:
        value: Image of ITK, SimpleITK or ANTsPy; or an array `(*spatial)` or
            `(C, *spatial)` with an `affine`, as MONAI's tensors and TorchIO's images.

    Returns:
        Tuple of the array, `(*spatial)` or `(*spatial, C)`; its affine to RAS
        millimeters; and whether the array has a channel axis.

    Raises:
        ValueError: If the object is of another kind. Without the geometry its voxels
            would be at wrong positions.
    """
    if hasattr(value, "GetPixelIDValue"):
        array, affine = itk.from_image(value)
        return array, affine, value.GetNumberOfComponentsPerPixel() > 1
    if hasattr(value, "GetDirection"):
        return _from_itk(value)
    if hasattr(value, "has_components"):
        return _from_ants(value)
    affine = getattr(value, "affine", None)
    if affine is not None and hasattr(value, "__array__"):
        return _from_tensor(value, _to_numpy(affine))
    raise ValueError(
        f"A {type(value).__name__} has a geometry that is not supported: give a file, "
        "a nibabel or SimpleITK image, or "
        "`kregzoo.spatial.Image.from_array(array, affine=...)`. "
        f"Received: {type(value).__module__}.{type(value).__name__}"
    )


def _from_itk(image):
    """Convert an image of the package `itk`."""
    # A user who has such an image has the package.
    import itk as package

    array = package.array_from_image(image)
    array, affine = itk.to_ras(
        array, image.GetSpacing(), image.GetOrigin(), image.GetDirection()
    )
    return array, affine, array.ndim > len(affine) - 1


def _from_ants(image):
    """Convert an `ANTsImage`, whose arrays have the axes in the order x, y, z."""
    array = image.numpy()
    has_channels = bool(image.has_components)
    if has_channels and image.channels_first:
        array = np.moveaxis(array, 0, -1)
    affine = itk.affine_to_ras(image.spacing, image.origin, image.direction)
    return array, affine, has_channels


def _from_tensor(tensor, affine):
    """Convert an array with an affine; channels come first, as in PyTorch."""
    array, meta = _to_numpy(tensor), getattr(tensor, "meta", None) or {}
    if str(meta.get("space", "RAS")).upper().endswith("LPS"):
        affine = itk.flip_world(len(affine) - 1) @ affine
    # MONAI marks an array without a channel axis by NaN or by this word.
    channel_axis = str(meta.get("original_channel_dim", 0))
    if channel_axis in ("nan", "no_channel"):
        return array, affine, False
    # With fewer axes than the affine, only an axis of length 1 can be the channels.
    if array.ndim >= len(affine) or (array.ndim == 3 and array.shape[0] == 1):
        array = np.moveaxis(array, 0, -1)
        return array, affine, array.shape[-1] > 1
    return array, affine, False


def _to_numpy(tensor):
    """Convert a tensor, even if it is on an accelerator or has a gradient."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
    return np.asarray(tensor)
