"""JAX's fast path: a warp outside of any compiled function is compiled by itself."""

import functools

import jax

from kregzoo.ops import warping


@functools.partial(jax.jit, static_argnames=("interpolation", "fill", "relative"))
def interpolate(image, points, interpolation, fill, relative):
    """Compiled `warping.interpolate`."""
    return warping.interpolate(image, points, interpolation, fill, relative)
