import numpy as np
import pytest
from scipy.interpolate import BSpline

from kregzoo.layers import BSplineField
from tests.helpers import assert_close, assert_gradient, run_layer_test


@pytest.mark.parametrize("shape", [(12, 10), (8, 10, 12)])
def test_is_scipys_tensor_product_spline(shape, tmp_path):
    controls = tuple(range(5, 5 + len(shape)))
    points = np.random.default_rng(0).normal(size=(2, *controls, len(shape)))
    points = points.astype("float32")
    output_shape = (2, *shape, len(shape))
    output = run_layer_test(
        BSplineField, {"shape": shape}, points, output_shape, tmp_path
    )
    expected = points
    for axis, (n, n_control) in enumerate(zip(shape, controls, strict=True), start=1):
        # Control point i is the centre of the spline on the knots i - 2 ... i + 2.
        spline = BSpline(np.arange(-2, n_control + 2), np.eye(n_control), k=3)
        weights = spline(1 + (np.arange(n) + 0.5) * (n_control - 3) / n)
        expected = np.moveaxis(np.tensordot(weights, expected, (1, axis)), 0, axis)
    assert_close(output, expected)


def test_gradient():
    points = np.random.default_rng(0).normal(size=(1, 5, 6, 2)).astype("float32")
    assert_gradient(BSplineField((9, 8)), points)


@pytest.mark.parametrize("shape", [(8,), (8, 0)])
def test_rejects_shapes_that_are_not_of_a_grid(shape):
    with pytest.raises(ValueError, match="`shape` must be 2 or 3 positive ints"):
        BSplineField(shape)
