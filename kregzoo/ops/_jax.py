"""Fast path for JAX: one pass over memory for each warp, with custom gradients.

On a GPU, XLA fuses a warp into one kernel only if no intermediate value is read at
more than 15 different indices. So the fractions are broadcast over the channels once
for each axis, not the weights of each corner. Indices are clipped beforehand, so the
gathers do not check them. The gradients gather the corners again instead of storing
them.
"""

import functools
import itertools
import math

import jax
from jax import lax
from jax import numpy as jnp

from kregzoo.ops import neighbors, sampling

IN_BOUNDS = lax.GatherScatterMode.PROMISE_IN_BOUNDS


@functools.partial(jax.jit, static_argnames=("interpolation", "fill", "relative"))
def interpolate(image, points, interpolation, fill, relative):
    """Interpolate as `sampling.interpolate` does, compiled, with custom gradients."""
    coordinates = sampling.absolute(points) if relative else points
    shape = image.shape[1:-1]
    if interpolation == "nearest":
        index = sampling.nearest_index(coordinates, shape)
        values = _rows(image, index + sampling.batch_offset(coordinates, shape))
    else:
        values = _linear(image, points, relative)
    if fill == "zeros":
        values = values * sampling.inside(coordinates, shape).astype(values.dtype)
    return values


@functools.partial(jax.jit, static_argnames=("fn", "times"))
def repeated(fn, x, times, *args):
    """Apply `x = fn(x, *args)` repeatedly, compiled.

    In a chain of warps, XLA on a CPU computes each warp again for the corners of the
    next one, unless they run in a loop. On a GPU, XLA does not, and a loop would copy
    its state.
    """

    def loop(x, *args):
        return lax.fori_loop(0, times, lambda _, x: fn(x, *args), x)

    def chain(x, *args):
        for _ in range(times):
            x = fn(x, *args)
        return x

    return lax.platform_dependent(x, *args, cpu=loop, default=chain)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _linear(image, points, relative):
    values, parts, _ = _corners(image, points, relative)
    weights = [(1.0 - part[2][..., None], part[2][..., None]) for part in parts]
    return _blend(values, weights).astype(image.dtype)


def _forward(image, points, relative):
    return _linear(image, points, relative), (image, points)


def _backward(relative, inputs, upstream):
    # Compiled code computes only the gradient that is used.
    return (
        _gradient_of_image(*inputs, upstream, relative),
        _gradient_of_points(*inputs, upstream, relative),
    )


_linear.defvjp(_forward, _backward)


def _corners(image, points, relative):
    """Return the values at the 2**D corners, the parts of `split`, and coordinates."""
    shape = image.shape[1:-1]
    coordinates = sampling.absolute(points) if relative else points
    parts = sampling.split(coordinates, shape)
    offset = sampling.batch_offset(coordinates, shape)
    values = [_rows(image, index + offset) for index in _indices(parts, shape)]
    return values, parts, coordinates


def _indices(parts, shape):
    """Yield the flat index of each corner; the last axis alternates fastest."""
    steps = sampling.strides(shape)
    for corner in itertools.product((0, 1), repeat=len(shape)):
        pairs = zip(corner, parts, steps, strict=True)
        yield sum(part[upper] * step for upper, part, step in pairs)


def _rows(image, index):
    """Gather the channels of voxels by their flat index."""
    channels = image.shape[-1]
    numbers = lax.GatherDimensionNumbers((index.ndim,), (0,), (0,))
    rows = image.reshape(-1, channels)
    return lax.gather(rows, index[..., None], numbers, (1, channels), mode=IN_BOUNDS)


def _blend(values, weights):
    """Sum the values of all corners by weights of the lower and the upper corners."""
    for lower, upper in reversed(weights):
        pairs = zip(values[::2], values[1::2], strict=True)
        values = [lower * low + upper * high for low, high in pairs]
    return values[0]


def _gradient_of_points(image, points, upstream, relative):
    values, parts, coordinates = _corners(image, points, relative)
    upstream = upstream.astype("float32")
    # XLA would compute a sum over the channels again for each axis.
    channels = range(image.shape[-1])
    values = [
        sum(value[..., channel] * upstream[..., channel] for channel in channels)
        for value in values
    ]
    weights = [(1.0 - fraction, fraction) for *_, fraction in parts]
    gradients = []
    for axis, size in enumerate(image.shape[1:-1]):
        position = coordinates[..., axis]
        # Clipped coordinates have no slope.
        slope = ((position > 0.0) & (position < size - 1.0)).astype("float32")
        slopes = [*weights[:axis], (-slope, slope), *weights[axis + 1 :]]
        gradients.append(_blend(values, slopes))
    return jnp.stack(gradients, axis=-1)


def _gradient_of_image(image, points, upstream, relative):
    shape = image.shape[1:-1]
    coordinates = sampling.absolute(points) if relative else points
    scattered = functools.partial(_scattered, upstream, coordinates, shape)
    if not relative or shape != points.shape[1:-1]:
        return scattered()
    moves = neighbors.moves(coordinates, shape)

    def on_cpu():
        reach = jnp.max(jnp.stack([jnp.max(jnp.abs(move)) for move in moves]))
        return lax.cond(
            reach <= 1.0, lambda: neighbors.gathered(upstream, moves), scattered
        )

    # A GPU adds atomically in parallel, and would wait for the host at a condition.
    return lax.platform_dependent(cpu=on_cpu, default=scattered)


def _scattered(upstream, coordinates, shape):
    """Apply the adjoint of linear interpolation at arbitrary points."""
    channels = upstream.shape[-1]
    parts = sampling.split(coordinates, shape)
    offset = sampling.batch_offset(coordinates, shape)
    weights = [(1.0 - part[2], part[2]) for part in parts]
    numbers = lax.ScatterDimensionNumbers((coordinates.ndim - 1,), (0,), (0,))
    voxels = coordinates.shape[0] * math.prod(shape)
    total = jnp.zeros((voxels, channels), "float32")
    for index, weight in zip(
        _indices(parts, shape), itertools.product(*weights), strict=True
    ):
        rows = upstream * math.prod(weight)[..., None]
        total = lax.scatter_add(
            total, (index + offset)[..., None], rows, numbers, mode=IN_BOUNDS
        )
    return total.reshape(-1, *shape, channels).astype(upstream.dtype)
