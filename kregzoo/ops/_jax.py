"""Fast path for JAX: compile a warp even outside of a compiled function."""

import functools

import jax

from kregzoo.ops import sampling


@functools.partial(jax.jit, static_argnames=("interpolation", "fill", "relative"))
def interpolate(image, points, interpolation, fill, relative):
    """Interpolate as `sampling.interpolate` does, compiled."""
    return sampling.interpolate(image, points, interpolation, fill, relative)
