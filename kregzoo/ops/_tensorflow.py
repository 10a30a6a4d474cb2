"""Fast path for TensorFlow: compile warps and filters by XLA, with custom gradients.

XLA fuses the eight gathers of a trilinear warp into one pass. Each warp is compiled
separately, because XLA recomputes the gathers of a chain of warps. TensorFlow's
gradient of a gather would materialize 2**D sparse updates. The gradients with respect
to the image and to the points are separate functions, so that an outer graph can prune
one of them. The gradient of the image, the adjoint of the interpolation, is a scatter.
If displacements are small, as in most squarings of an integration, it is a sum over
neighbors instead.
"""

import contextlib
import contextvars
import functools
import itertools
import math

import numpy as np
import tensorflow as tf

from kregzoo.ops import convolution, neighbors, sampling

# Number of values above which compilation pays, as in an image of 40 x 48 x 40.
WORTH_COMPILING = 50_000

_plain = contextvars.ContextVar("plain", default=False)


@contextlib.contextmanager
def plain():
    """Disable compilation by XLA in a context, for graphs that other runtimes run."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def compiled_when_large(fn):
    """Decorate a function to run compiled if its last tensor is large.

    A tensor of unknown size counts as large.

    Args:
        fn: function of tensors, then of constants.
    """
    compiled = tf.function(fn, jit_compile=True)

    @functools.wraps(fn)
    def call(*args):
        args = [
            tf.convert_to_tensor(arg) if isinstance(arg, np.ndarray) else arg
            for arg in args
        ]
        tensors = [arg for arg in args if tf.is_tensor(arg)]
        return (compiled if _compiles(tensors[-1]) else fn)(*args)

    return call


def _compiles(tensor):
    """Decide if a function whose last tensor this is runs compiled."""
    values = tensor.shape.num_elements()
    return not _plain.get() and (values is None or values >= WORTH_COMPILING)


def interpolate(image, points, interpolation, fill, relative):
    """Interpolate as `sampling.interpolate` does, compiled, with custom gradients."""
    if interpolation == "nearest":
        return _forward(points, image, interpolation, fill, relative)

    @tf.custom_gradient
    def linear(image, points):
        values = _forward(points, image, interpolation, fill, relative)

        def gradient(upstream):
            # Gradients may arrive without a static shape, which the adjoint needs.
            upstream = tf.ensure_shape(upstream, values.shape)
            return (
                _gradient_of_image(image, points, upstream, fill, relative),
                _gradient_of_points(image, points, upstream, fill, relative),
            )

        return values, gradient

    return linear(image, points)


@compiled_when_large
def _forward(points, image, interpolation, fill, relative):
    values = sampling.interpolate(image, points, interpolation, fill, relative)
    return tf.ensure_shape(values, [*points.shape[:-1], image.shape[-1]])


@compiled_when_large
def _gradient_of_image(image, points, upstream, fill, relative):
    shape = tf.unstack(tf.shape(image)[1:-1])
    coordinates = sampling.absolute(points) if relative else points
    upstream = _masked(upstream, coordinates, shape, fill)
    size = image.shape[1:-1]
    same_grid = relative and size.is_fully_defined() and size == points.shape[1:-1]
    if not same_grid or not _compiles(upstream):
        return _scattered(upstream, coordinates, shape)
    moves = neighbors.moves(coordinates, size)
    reach = tf.reduce_max([tf.reduce_max(tf.abs(move)) for move in moves])
    return tf.cond(
        reach <= 1.0,
        lambda: neighbors.gathered(upstream, moves),
        lambda: _scattered(upstream, coordinates, shape),
    )


def _scattered(upstream, coordinates, shape):
    """Apply the adjoint of linear interpolation at arbitrary points.

    The values for a voxel and for the next one along the last axis are scattered as one
    row, which halves the number of rows, and summed afterwards.
    """
    channels = upstream.shape[-1]
    low, _, fraction = sampling.split(coordinates[..., -1:], shape[-1:])[0]
    low = low + sampling.batch_offset(coordinates, shape)
    fraction = tf.cast(fraction[..., None], upstream.dtype)
    both = tf.concat([upstream * (1 - fraction), upstream * fraction], axis=-1)
    batch = tf.shape(coordinates)[0]
    total = tf.zeros((batch * math.prod(shape), 2 * channels), upstream.dtype)
    for index, weight in sampling.corners(coordinates[..., :-1], shape[:-1]):
        rows = both * tf.cast(weight, upstream.dtype)[..., None]
        rows = tf.reshape(rows, (-1, 2 * channels))
        index = tf.reshape(index * shape[-1] + low, (-1, 1))
        total = tf.tensor_scatter_nd_add(total, index, rows)
    total = tf.reshape(total, (batch, *shape, 2 * channels))
    # The second value of the last voxel has weight zero and is dropped.
    padding = [[0, 0]] * len(shape) + [[1, 0], [0, 0]]
    return total[..., :channels] + tf.pad(total[..., channels:], padding)[..., :-1, :]


@compiled_when_large
def _gradient_of_points(image, points, upstream, fill, relative):
    shape = tf.unstack(tf.shape(image)[1:-1])
    coordinates = sampling.absolute(points) if relative else points
    upstream = tf.cast(_masked(upstream, coordinates, shape, fill), "float32")
    offset = sampling.batch_offset(coordinates, shape)
    flat = tf.reshape(image, (-1, image.shape[-1]))
    fractions = [part[2] for part in sampling.split(coordinates, shape)]
    ndim = len(fractions)
    totals = [0.0] * ndim
    corners = sampling.corners(coordinates, shape)
    for bits, (index, _) in zip(
        itertools.product((0, 1), repeat=ndim), corners, strict=True
    ):
        value = tf.cast(tf.gather(flat, index + offset), "float32")
        value = tf.reduce_sum(value * upstream, axis=-1)
        for axis in range(ndim):
            slope = value if bits[axis] else -value
            for other in set(range(ndim)) - {axis}:
                fraction = fractions[other]
                slope = slope * (fraction if bits[other] else 1.0 - fraction)
            totals[axis] = totals[axis] + slope
    gradient = tf.stack(totals, axis=-1)
    limits = tf.cast(tf.stack(shape), "float32") - 1.0
    moves = tf.logical_and(coordinates > 0.0, coordinates < limits)
    return tf.where(moves, gradient, 0.0)


def _masked(upstream, coordinates, shape, fill):
    if fill == "border":
        return upstream
    return upstream * tf.cast(sampling.inside(coordinates, shape), upstream.dtype)


def convolve_axes(image, kernels):
    """Convolve as `convolution.convolve_axes` does, compiled, with a custom gradient.

    With symmetric kernels and zeros outside, the convolution is self-adjoint. It is
    therefore its own gradient, too.
    """

    @tf.custom_gradient
    def convolve(image):
        return _convolve(image, kernels), lambda up: _convolve(up, kernels)

    return convolve(image)


@compiled_when_large
def _convolve(image, kernels):
    return tf.ensure_shape(convolution.convolve_axes(image, kernels), image.shape)
