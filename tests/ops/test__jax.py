"""How JAX compiles a warp."""

import keras
import numpy as np
import pytest

from kregzoo import ops

if keras.backend.backend() != "jax":
    pytest.skip("for JAX alone", allow_module_level=True)

from kregzoo.ops import _jax


def test_warps_of_one_kind_share_a_compiled_function():
    before = _jax.interpolate._cache_size()
    kinds = [(9, "linear"), (9, "linear"), (10, "linear"), (9, "nearest")]
    for size, interpolation in kinds:
        image = np.ones((1, size, 7, 1), "float32")
        ops.warp(image, np.zeros((1, size, 7, 2), "float32"), interpolation)
    assert _jax.interpolate._cache_size() == before + len(set(kinds))
