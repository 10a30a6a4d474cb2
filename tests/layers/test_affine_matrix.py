import numpy as np
import pytest

from kregzoo.layers import AffineMatrix
from tests.helpers import assert_close, assert_gradient, run_layer_test


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_shift_and_scales_by_hand(ndim, tmp_path):
    parameters = np.zeros((2, ndim * (ndim + 1)), "float32")
    parameters[0, :ndim] = np.arange(1, ndim + 1)
    turns = {2: 1, 3: 3}[ndim]
    parameters[1, ndim + turns : 2 * ndim + turns] = np.log(2.0)
    expected = np.tile(np.eye(ndim, ndim + 1), (2, 1, 1))
    expected[0, :, -1] = np.arange(1, ndim + 1)
    expected[1, :, :-1] *= 2.0
    output = run_layer_test(AffineMatrix, {}, parameters, expected.shape, tmp_path)
    assert_close(output, expected)


def test_gradient():
    parameters = np.random.default_rng(0).normal(0, 0.2, (1, 12)).astype("float32")
    assert_gradient(AffineMatrix(), parameters)
