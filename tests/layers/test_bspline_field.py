import keras
import numpy as np
import pytest
from scipy.interpolate import BSpline

from kregzoo.layers import BSplineField
from tests.helpers import assert_close, assert_gradient, run_layer_test


@pytest.mark.parametrize("ndim", [2, 3])
def test_is_scipys_tensor_product_spline(ndim, tmp_path):
    controls = tuple(range(5, 5 + ndim))
    shape = tuple(4 * (n - 3) for n in controls)
    points = np.random.default_rng(0).normal(size=(2, *controls, len(shape)))
    points = points.astype("float32")
    output_shape = (2, *shape, len(shape))
    output = run_layer_test(
        BSplineField, {"spacing": 4}, points, output_shape, tmp_path
    )
    expected = points
    for axis, (n, n_control) in enumerate(zip(shape, controls, strict=True), start=1):
        # Control point i is the center of the spline on the knots i - 2 ... i + 2.
        spline = BSpline(np.arange(-2, n_control + 2), np.eye(n_control), k=3)
        weights = spline(1 + (np.arange(n) + 0.5) * (n_control - 3) / n)
        expected = np.moveaxis(np.tensordot(weights, expected, (1, axis)), 0, axis)
    assert_close(output, expected)


def test_gradient():
    points = np.random.default_rng(0).normal(size=(1, 5, 6, 2)).astype("float32")
    assert_gradient(BSplineField(3), points)


def test_sizes_may_be_open():
    assert BSplineField(4)(keras.Input((None, 7, 2))).shape == (None, None, 16, 2)


def test_rejects_spacings_that_are_not_positive():
    with pytest.raises(ValueError, match="`spacing`.*Received: spacing=0"):
        BSplineField(0)
