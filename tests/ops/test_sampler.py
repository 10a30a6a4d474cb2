import numpy as np
import pytest
from scipy import ndimage

from kregzoo.ops import Sampler


@pytest.mark.parametrize("interpolation, order", [("linear", 1), ("nearest", 0)])
@pytest.mark.parametrize("shape", [(9, 7), (6, 5, 4)])
def test_samples_agree_with_scipy(shape, interpolation, order):
    rng = np.random.default_rng(0)
    array = rng.uniform(size=shape).astype("float32")
    # Away from the midpoints, at which libraries round differently.
    points = rng.uniform(0, np.array(shape) - 1, (50, len(shape))).astype("float32")
    found = Sampler(array[..., None], interpolation)(points)[:, 0]
    expected = ndimage.map_coordinates(array, points.T, order=order)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_images_of_many_sizes_are_no_retracing(caplog):
    for power in range(7):
        points = np.full((2**10 * 2**power, 2), 1.0)
        sampled = Sampler(np.ones((4, 4, 1), "float32"))(points)
        np.testing.assert_array_equal(sampled, 1.0)
    assert "retracing" not in caplog.text
