"""What TensorFlow compiles by XLA, read from the graphs that it makes."""

import keras
import numpy as np
import pytest

from kregzoo import ops

if keras.backend.backend() != "tensorflow":
    pytest.skip("for TensorFlow alone", allow_module_level=True)

import tensorflow as tf

from kregzoo.ops import _tensorflow

FIELD = np.zeros((1, 40, 42, 32, 3), "float32")


def compiles(fn, *shape):
    """Whether a function of one tensor asks XLA to compile any part of it."""
    graph = tf.function(fn).get_concrete_function(tf.TensorSpec(shape)).graph
    functions = graph.as_graph_def().library.function
    return any(one.attr["_XlaMustCompile"].b for one in functions)


def warp(image):
    return ops.warp(image, FIELD)


def test_large_warps_and_filters_are_compiled():
    shape = FIELD.shape[:-1]
    assert compiles(warp, *shape, 1)
    assert compiles(lambda image: ops.smooth(image, 1.0), *shape, 1)
    # The size may be known only later.
    assert compiles(lambda image: ops.smooth(image, 1.0), None, *shape[1:], 1)


def test_small_ones_are_not():
    small = FIELD[:, :8, :8, :8]
    assert not compiles(lambda image: ops.warp(image, small), *small.shape[:-1], 1)
    assert not compiles(lambda image: ops.smooth(image, 1.0), *small.shape[:-1], 1)


def test_nothing_is_compiled_for_other_runtimes():
    with _tensorflow.plain():
        assert not compiles(warp, *FIELD.shape[:-1], 1)
    assert compiles(warp, *FIELD.shape[:-1], 1)


def test_the_plain_form_gives_the_same():
    rng = np.random.default_rng(0)
    image = rng.uniform(size=(*FIELD.shape[:-1], 1)).astype("float32")
    field = rng.uniform(-3, 3, FIELD.shape).astype("float32")
    compiled = ops.warp(image, field)
    with _tensorflow.plain():
        plain = ops.warp(image, field)
    np.testing.assert_allclose(plain, compiled, atol=1e-5)
