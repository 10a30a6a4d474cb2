"""Warping of images by displacement fields; composition and inversion of the fields.

Displacements are in voxels of the fixed grid, `ij` order, channels last, and pull:
`warped(x) = moving(x + u(x))`. Coordinates are float32 for every dtype policy, because
float16 and bfloat16 do not represent voxel indices above a few hundred exactly.
"""

import keras
import numpy as np
from keras import ops

from kregzoo.ops.sampling import check_modes


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
    return _repeated(_squared, displacement, steps)


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
    return _repeated(_inverted, inverse, iterations - 1, displacement)


def _squared(displacement):
    return compose(displacement, displacement)


def _inverted(inverse, displacement):
    return -warp(displacement, inverse)


def _repeated(fn, x, times, *args):
    if keras.backend.backend() == "jax":
        from kregzoo.ops import _jax

        return _jax.repeated(fn, x, times, *args)
    for _ in range(times):
        x = fn(x, *args)
    return x


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
