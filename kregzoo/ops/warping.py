"""Warping of images by displacement fields; composition and inversion of the fields.

Displacements are in voxels of the fixed grid, `ij` order, channels last, and pull:
`warped(x) = moving(x + u(x))`. Coordinates are float32 for every dtype policy, because
float16 and bfloat16 do not represent voxel indices above a few hundred exactly.
"""

import itertools
import math

import keras
import numpy as np
from keras import ops

INTERPOLATIONS = ("linear", "nearest")
FILLS = ("border", "zeros")


def identity_grid(shape):
    """Return the voxel coordinates of every voxel of a grid.

    Args:
        shape: tuple of D ints, the spatial shape.

    Returns:
        float32 NumPy array `(*shape, D)`.

    Example:
        >>> identity_grid((2, 3))[1, 2]
        array([1., 2.], dtype=float32)
    """
    ramps = (np.arange(size, dtype="float32") for size in shape)
    return np.stack(np.meshgrid(*ramps, indexing="ij"), axis=-1)


def sample(image, coordinates, interpolation="linear", fill="border"):
    """Interpolate an image at voxel coordinates.

    A point is inside the image if each coordinate is in `[-0.5, n - 0.5]`, as in ITK.
    In the margin of half a voxel the image has the value of the border voxel.

    Args:
        image: tensor `(B, *spatial, C)`.
        coordinates: tensor `(B, *out, D)` in voxels of `image`.
        interpolation: `"linear"` or `"nearest"`.
        fill: value outside the image: `"border"` repeats the border voxel, `"zeros"` is
            0.

    Returns:
        Tensor `(B, *out, C)` of the floating dtype of the image. `"nearest"` keeps
        integer dtypes, `"linear"` converts them to float32.

    Raises:
        ValueError: If `interpolation` or `fill` is unknown, or the last axis of the
            coordinates does not match the number of spatial axes.

    Example:
        >>> image = keras.ops.reshape(keras.ops.arange(4.0), (1, 4, 1))
        >>> image = keras.ops.expand_dims(image, 1)  # one row of four pixels
        >>> float(sample(image, [[[0.0, 1.5]]])[0, 0, 0])
        1.5
    """
    return _sample(image, coordinates, interpolation, fill, relative=False)


def warp(image, displacement, interpolation="linear", fill="border"):
    """Warp an image by a displacement field: `warped(x) = image(x + u(x))`.

    Args:
        image: tensor `(B, *spatial, C)`, the moving image.
        displacement: tensor `(B, *out, D)` in voxels, on the fixed grid.
        interpolation: `"linear"`, or `"nearest"` for label maps.
        fill: `"border"` or `"zeros"`, see `sample`.

    Returns:
        Tensor `(B, *out, C)`.

    Raises:
        ValueError: As for `sample`.

    Example:
        >>> image = keras.ops.reshape(keras.ops.arange(6.0), (1, 2, 3, 1))
        >>> step = keras.ops.ones((1, 2, 3, 2)) * [0.0, 1.0]
        >>> keras.ops.convert_to_numpy(warp(image, step))[0, 0, :, 0]
        array([1., 2., 2.], dtype=float32)
    """
    return _sample(image, displacement, interpolation, fill, relative=True)


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
    limits = ops.cast(ops.stack(list(shape)), "float32") - 0.5
    valid = ops.logical_and(coordinates >= -0.5, coordinates <= limits)
    return ops.cast(ops.all(valid, axis=-1, keepdims=True), "float32")


def compose(outer, inner):
    """Compose two displacement fields.

    The result maps `x` to `y = x + inner(x)`, then to `y + outer(y)`, so that
    `warp(warp(image, outer), inner)` and `warp(image, compose(outer, inner))` agree up
    to interpolation.

    Args:
        outer: tensor `(B, *spatial, D)` in voxels.
        inner: tensor `(B, *out, D)` in voxels.

    Returns:
        Tensor `(B, *out, D)`.

    Example:
        >>> one = keras.ops.ones((1, 8, 8, 2))
        >>> float(compose(one, one)[0, 0, 0, 0])
        2.0
    """
    return ops.add(inner, warp(outer, inner))


def integrate(velocity, steps=7):
    """Integrate a stationary velocity field by scaling and squaring.

    Computes the displacement of `exp(v)` by composing `v / 2**steps` with itself
    `steps` times (Arsigny et al., MICCAI 2006).

    Args:
        velocity: tensor `(B, *spatial, D)` in voxels per unit time.
        steps: int >= 0. Number of squarings.

    Returns:
        Displacement `(B, *spatial, D)`, float32.

    Raises:
        ValueError: If `steps` is negative.

    Example:
        >>> float(integrate(keras.ops.ones((1, 8, 8, 2)))[0, 4, 4, 0])
        1.0
    """
    if steps < 0:
        raise ValueError(f"`steps` must be at least 0. Received: steps={steps}")
    displacement = ops.cast(velocity, "float32") / 2.0**steps
    for _ in range(steps):
        displacement = compose(displacement, displacement)
    return displacement


def invert(displacement, iterations=20):
    """Invert a displacement field by fixed-point iteration.

    Iterates `w <- -u(x + w)` (Chen et al., Med. Phys. 2008), which converges if the
    Lipschitz constant of `u` is less than 1. A folded field has no inverse.

    Args:
        displacement: tensor `(B, *spatial, D)` in voxels.
        iterations: int. Number of iterations.

    Returns:
        Tensor `(B, *spatial, D)`. `compose(displacement, inverse)` is near zero, except
        at the border.

    Example:
        >>> float(invert(keras.ops.ones((1, 8, 8, 2)))[0, 4, 4, 0])
        -1.0
    """
    inverse = -ops.cast(displacement, "float32")
    for _ in range(iterations - 1):
        inverse = -warp(displacement, inverse)
    return inverse


def check_modes(interpolation, fill):
    """Raise a ValueError if `interpolation` or `fill` is unknown."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"`interpolation` must be one of {INTERPOLATIONS}. "
            f"Received: interpolation={interpolation!r}"
        )
    if fill not in FILLS:
        raise ValueError(f"`fill` must be one of {FILLS}. Received: fill={fill!r}")


def _sample(image, points, interpolation, fill, relative):
    check_modes(interpolation, fill)
    image = ops.convert_to_tensor(image)
    points = ops.cast(points, "float32")
    ndim = len(image.shape) - 2
    if points.shape[-1] != ndim:
        raise ValueError(
            f"An image of shape {tuple(image.shape)} has {ndim} spatial axes, so the "
            f"points need {ndim} channels. Received: shape {tuple(points.shape)}"
        )
    if interpolation == "linear" and not keras.backend.is_float_dtype(image.dtype):
        image = ops.cast(image, "float32")
    if keras.backend.backend() == "tensorflow":
        from kregzoo.ops import _tensorflow as fast
    elif keras.backend.backend() == "jax":
        from kregzoo.ops import _jax as fast
    else:
        from kregzoo.ops import _torch as fast
    return fast.interpolate(image, points, interpolation, fill, relative)


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
        last = ops.cast(size - 1, "float32")
        value = ops.clip(coordinates[..., axis], 0.0, last)
        low = ops.clip(ops.floor(value), 0.0, ops.maximum(last - 1.0, 0.0))
        fraction = value - low
        low = ops.cast(low, "int32")
        high = ops.minimum(low + 1, size - 1)
        parts.append((low, high, fraction))
    return parts


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
        last = ops.cast(size - 1, "float32")
        rounded = ops.clip(ops.floor(coordinates[..., axis] + 0.5), 0.0, last)
        index = index + ops.cast(rounded, "int32") * step
    return index


def batch_offset(coordinates, shape):
    """Return the flat index of the first voxel of each sample, `(B, 1, ..., 1)`."""
    batch = ops.shape(coordinates)[0]
    offset = ops.arange(batch, dtype="int32") * math.prod(shape)
    return ops.reshape(offset, (-1,) + (1,) * (len(coordinates.shape) - 2))
