import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

from kregzoo.layers import BSplineField, BSplineWarp
from tests.helpers import assert_close, assert_gradient, run_layer_test


@pytest.mark.parametrize("shape", [(12, 10), (8, 10, 12)])
def test_samples_where_scipys_spline_points(shape, tmp_path):
    rng = np.random.default_rng(0)
    controls = tuple(range(5, 5 + len(shape)))
    points = rng.normal(size=(1, *controls, len(shape))).astype("float32")
    image = rng.normal(size=(1, *shape, 1)).astype("float32")
    output = run_layer_test(BSplineWarp, {}, [image, points], (1, *shape, 1), tmp_path)
    displacement = points[0]
    for axis, (n, n_control) in enumerate(zip(shape, controls, strict=True)):
        spline = BSpline(np.arange(-2, n_control + 2), np.eye(n_control), k=3)
        weights = spline(1 + (np.arange(n) + 0.5) * (n_control - 3) / n)
        displacement = np.moveaxis(
            np.tensordot(weights, displacement, (1, axis)), 0, axis
        )
    where = np.moveaxis(displacement, -1, 0) + np.indices(shape)
    expected = map_coordinates(image[0, ..., 0], where, order=1, mode="nearest")
    assert_close(output[0, ..., 0], expected, atol=1e-4)


def test_gradient_reaches_the_control_points():
    image = np.random.default_rng(0).normal(size=(1, 9, 8, 1)).astype("float32")
    points = np.full((1, 5, 6, 2), 0.3, "float32")
    assert_gradient(lambda p: BSplineWarp()([image, p]), points)


def test_agrees_with_the_field_of_the_same_points():
    image = np.random.default_rng(1).normal(size=(1, 8, 12, 1)).astype("float32")
    points = np.ones((1, 5, 6, 2), "float32")
    assert_close(BSplineField(4)(points), np.ones((1, 8, 12, 2)))
    warped = np.array(BSplineWarp()([image, points]))
    assert_close(warped[0, :-1, :-1], image[0, 1:, 1:], atol=1e-5)
