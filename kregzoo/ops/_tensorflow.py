"""TensorFlow's fast path: each warp and filter compiled by XLA, with its own gradient.

XLA fuses the eight gathers of a trilinear warp into one pass. It is applied to each
warp by itself because a chain of warps in one cluster recomputes its gathers. The
gradient is written out because that of a plain gather materialises 2**D sparse
updates; image and points have one function each, so that an outer graph prunes the one
it does not need.
"""

import contextlib
import contextvars
import functools
import itertools

import numpy as np
import tensorflow as tf

from kregzoo.ops import filters, warping

WORTH_COMPILING = 200_000

_plain = contextvars.ContextVar("plain", default=False)


@contextlib.contextmanager
def plain():
    """While it lasts, nothing is compiled by XLA, which other runtimes have not."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def compiled_when_large(fn):
    """Compile by XLA those calls whose last tensor is large or of unknown size.

    Args:
        fn: function of tensors, then of constants.
    """
    # Retracing for each new shape is meant, so it need not be warned of.
    compiled = tf.function(fn, jit_compile=True, reduce_retracing=False)

    @functools.wraps(fn)
    def call(*args):
        args = [
            tf.convert_to_tensor(arg) if isinstance(arg, np.ndarray) else arg
            for arg in args
        ]
        tensors = [arg for arg in args if tf.is_tensor(arg)]
        values = tensors[-1].shape.num_elements()
        small = values is not None and values < WORTH_COMPILING
        return (fn if small or _plain.get() else compiled)(*args)

    return call


def interpolate(image, points, interpolation, fill, relative):
    """Compiled `warping.interpolate`, differentiable in the image and the points."""
    if interpolation == "nearest":
        return _forward(points, image, interpolation, fill, relative)

    @tf.custom_gradient
    def linear(image, points):
        values = _forward(points, image, interpolation, fill, relative)

        def gradient(upstream):
            return (
                _gradient_of_image(image, points, upstream, fill, relative),
                _gradient_of_points(image, points, upstream, fill, relative),
            )

        return values, gradient

    return linear(image, points)


@compiled_when_large
def _forward(points, image, interpolation, fill, relative):
    values = warping.interpolate(image, points, interpolation, fill, relative)
    return tf.ensure_shape(values, [*points.shape[:-1], image.shape[-1]])


@compiled_when_large
def _gradient_of_image(image, points, upstream, fill, relative):
    shape = tf.unstack(tf.shape(image)[1:-1])
    coordinates = warping.absolute(points) if relative else points
    upstream = _masked(upstream, coordinates, shape, fill)
    offset = warping.batch_offset(coordinates, shape)
    channels = image.shape[-1]
    total = tf.zeros((tf.reduce_prod(tf.shape(image)[:-1]), channels), image.dtype)
    for index, weight in warping.corners(coordinates, shape):
        rows = upstream * tf.cast(weight[..., None], image.dtype)
        rows = tf.reshape(rows, (-1, channels))
        index = tf.reshape(index + offset, (-1, 1))
        total = tf.tensor_scatter_nd_add(total, index, rows)
    return tf.reshape(total, tf.shape(image))


@compiled_when_large
def _gradient_of_points(image, points, upstream, fill, relative):
    shape = tf.unstack(tf.shape(image)[1:-1])
    coordinates = warping.absolute(points) if relative else points
    upstream = tf.cast(_masked(upstream, coordinates, shape, fill), "float32")
    offset = warping.batch_offset(coordinates, shape)
    flat = tf.reshape(image, (-1, image.shape[-1]))
    fractions = [part[2] for part in warping.split(coordinates, shape)]
    ndim = len(fractions)
    totals = [0.0] * ndim
    corners = warping.corners(coordinates, shape)
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
    return upstream * tf.cast(warping.inside(coordinates, shape), upstream.dtype)


def convolve_axes(image, kernels):
    """Compiled `filters.convolve_axes`.

    With symmetric kernels and zeros outside it is its own adjoint, hence its gradient.
    """

    @tf.custom_gradient
    def convolve(image):
        return _convolve(image, kernels), lambda up: _convolve(up, kernels)

    return convolve(image)


@compiled_when_large
def _convolve(image, kernels):
    return tf.ensure_shape(filters.convolve_axes(image, kernels), image.shape)
