"""Interpolation of images at points, by `keras.ops` on any backend."""

import functools
import itertools
import math

from keras import ops

INTERPOLATIONS = ("linear", "nearest")
FILLS = ("border", "zeros")


def check_modes(interpolation, fill):
    """Raise a ValueError if `interpolation` or `fill` is unknown."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"`interpolation` must be one of {INTERPOLATIONS}. "
            f"Received: interpolation={interpolation!r}"
        )
    if fill not in FILLS:
        raise ValueError(f"`fill` must be one of {FILLS}. Received: fill={fill!r}")


def inside(coordinates, shape):
    """Mark the points that lie inside an image.

    Args:
        coordinates: tensor `(B, *out, D)` in voxels.
        shape: tuple of D ints, the spatial shape of the image.

    Returns:
        float32 tensor `(B, *out, 1)`: 1 if every coordinate is in `[-0.5, n - 0.5]`,
        otherwise 0. Use it as a mask of the voxels that the moving image covers.

    Example:
        >>> float(inside([[[-0.4, 1.0]]], (4, 4))[0, 0, 0])
        1.0
    """
    coordinates = ops.cast(coordinates, "float32")
    marks = []
    for axis, size in enumerate(shape):
        position = coordinates[..., axis]
        marks += [position >= -0.5, position <= _last(size) + 0.5]
    valid = functools.reduce(ops.logical_and, marks)
    return ops.cast(ops.expand_dims(valid, -1), "float32")


def interpolate(image, points, interpolation, fill, relative):
    """Compute `sample`, or `warp` if `relative`, by `keras.ops` on any backend."""
    shape = ops.shape(image)[1:-1]
    coordinates = absolute(points) if relative else points
    flat = ops.reshape(image, (-1, image.shape[-1]))
    offset = batch_offset(coordinates, shape)
    return gather(flat, coordinates, shape, offset, interpolation, fill)


def gather(flat, coordinates, shape, offset, interpolation, fill):
    """Interpolate a flattened image `(voxels, C)` in its dtype."""
    if interpolation == "nearest":
        values = ops.take(flat, nearest_index(coordinates, shape) + offset, axis=0)
    else:
        values = 0.0
        for index, weight in corners(coordinates, shape):
            weight = ops.cast(ops.expand_dims(weight, -1), flat.dtype)
            values = values + weight * ops.take(flat, index + offset, axis=0)
    if fill == "zeros":
        values = values * ops.cast(inside(coordinates, shape), flat.dtype)
    return values


def absolute(displacement):
    """Add the identity to a displacement field `(B, *spatial, D)`."""
    shape = ops.shape(displacement)[1:-1]
    ndim = len(shape)
    parts = []
    for axis, size in enumerate(shape):
        ramp = ops.cast(ops.arange(size), "float32")
        ramp = ops.reshape(ramp, [-1 if i == axis else 1 for i in range(ndim)])
        parts.append(displacement[..., axis] + ramp)
    return ops.stack(parts, axis=-1)


def split(coordinates, shape):
    """Clamp coordinates to the image; return lower and upper index and fraction."""
    parts = []
    for axis, size in enumerate(shape):
        last = _last(size)
        value = ops.clip(coordinates[..., axis], 0.0, last)
        low = ops.maximum(ops.minimum(ops.floor(value), last - 1.0), 0.0)
        fraction = value - low
        low = ops.cast(low, "int32")
        high = ops.minimum(low + 1, size - 1)
        parts.append((low, high, fraction))
    return parts


def _last(size):
    """Return the last index of an axis as a float."""
    return size - 1.0 if isinstance(size, int) else ops.cast(size - 1, "float32")


def strides(shape):
    """Return the flat strides of a row-major grid, whose sizes may be symbolic."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def corners(coordinates, shape):
    """Yield the flat index and linear weight of each of the 2**D corners."""
    parts = split(coordinates, shape)
    steps = strides(shape)
    for bits in itertools.product((0, 1), repeat=len(shape)):
        index, weight = 0, 1.0
        for bit, (low, high, fraction), step in zip(bits, parts, steps, strict=True):
            index = index + (high if bit else low) * step
            weight = weight * (fraction if bit else 1.0 - fraction)
        yield index, weight


def nearest_index(coordinates, shape):
    """Return the flat index of the nearest voxel; halves round up, as in ITK."""
    index = 0
    for axis, (size, step) in enumerate(zip(shape, strides(shape), strict=True)):
        rounded = ops.floor(coordinates[..., axis] + 0.5)
        rounded = ops.clip(rounded, 0.0, _last(size))
        index = index + ops.cast(rounded, "int32") * step
    return index


def batch_offset(coordinates, shape):
    """Return the flat index of the first voxel of each sample, `(B, 1, ..., 1)`."""
    batch = ops.shape(coordinates)[0]
    offset = ops.arange(batch, dtype="int32") * math.prod(shape)
    return ops.reshape(offset, (-1,) + (1,) * (len(coordinates.shape) - 2))
