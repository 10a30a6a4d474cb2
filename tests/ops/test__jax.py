"""How JAX compiles a warp."""

import functools

import keras
import numpy as np
import pytest

from kregzoo import ops

if keras.backend.backend() != "jax":
    pytest.skip("for JAX alone", allow_module_level=True)

import jax
from jax import numpy as jnp

from kregzoo.ops import _jax, sampling

rng = np.random.default_rng(0)
IMAGE = rng.normal(size=(2, 7, 6, 5, 3)).astype("float32")
# Some points leave the image.
FIELD = rng.uniform(-3.3, 3.3, (2, 7, 6, 5, 3)).astype("float32")


def plain(image, field, fill="border"):
    """Warp by gathers whose gradients JAX derives."""
    return sampling.interpolate(image, field, "linear", fill, True)


def energy(warp, image, field):
    return jnp.sum(jnp.sin(warp(image, field)))


def optimized(fn, *args):
    return jax.jit(fn).lower(*args).compile().as_text()


def test_warps_of_one_kind_share_a_compiled_function():
    before = _jax.interpolate._cache_size()
    kinds = [(9, "linear"), (9, "linear"), (10, "linear"), (9, "nearest")]
    for size, interpolation in kinds:
        image = np.ones((1, size, 7, 1), "float32")
        ops.warp(image, np.zeros((1, size, 7, 2), "float32"), interpolation)
    assert _jax.interpolate._cache_size() == before + len(set(kinds))


@pytest.mark.parametrize("fill", ["border", "zeros"])
@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_gradients_are_those_of_the_plain_form(fill, scale):
    inputs = jnp.array(IMAGE), jnp.array(scale * FIELD)
    found, expected = (
        jax.grad(functools.partial(energy, functools.partial(warp, fill=fill)), (0, 1))(
            *inputs
        )
        for warp in (ops.warp, plain)
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_second_derivatives_are_those_of_the_plain_form():
    def slope(warp, image, field):
        grad = jax.grad(functools.partial(energy, warp), (0, 1))
        return sum(jnp.sum(jnp.square(part)) for part in grad(image, field))

    inputs = jnp.array(IMAGE), jnp.array(FIELD)
    found, expected = (
        jax.jit(jax.grad(functools.partial(slope, warp), (0, 1)))(*inputs)
        for warp in (ops.warp, plain)
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("fill", ["border", "zeros"])
def test_gradients_on_the_border_are_those_of_clipping(fill):
    image = jnp.arange(4.0).reshape(1, 4, 1, 1) ** 2
    points = jnp.array([[[-0.2, 0.0], [0.0, 0.0], [0.5, 0.0], [3.0, 0.0], [3.2, 0.0]]])
    slopes = jax.grad(lambda x: jnp.sum(ops.sample(image, x, fill=fill)))(points)
    np.testing.assert_allclose(slopes[0], [[0, 0], [0, 0], [1, 0], [0, 0], [0, 0]])


def test_gathers_check_no_bounds_and_copy_nothing():
    text = optimized(ops.warp, IMAGE, FIELD)
    assert "gather" in text
    assert "nan" not in text and "transpose" not in text


def test_unused_gradients_are_not_computed():
    grad = jax.grad(functools.partial(energy, ops.warp), 1)
    assert "scatter" not in optimized(grad, IMAGE, FIELD)
    assert "conditional" not in optimized(grad, IMAGE, FIELD)


def test_only_a_cpu_branches_on_the_largest_displacement():
    grad = jax.jit(jax.grad(functools.partial(energy, ops.warp)))
    for platform, branches in (("cpu", True), ("cuda", False)):
        traced = grad.trace(IMAGE, FIELD)
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert "scatter" in text
        assert ("applies stablehlo.maximum" in text) == branches


def test_integration_is_a_loop_only_on_a_cpu():
    for platform, loops in (("cpu", True), ("cuda", False)):
        traced = jax.jit(ops.integrate).trace(FIELD)
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert ("stablehlo.while" in text) == loops
