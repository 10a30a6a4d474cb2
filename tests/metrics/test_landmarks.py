import numpy as np
import pytest
from scipy.spatial import distance

from kregzoo.metrics import TRE, tre
from tests.helpers import assert_close, run_metric_test


@pytest.mark.parametrize("ndim", [2, 3])
def test_is_the_distance_of_corresponding_points(ndim):
    points, reference = np.random.default_rng(0).normal(size=(2, 6, ndim))
    assert_close(tre(points, reference), distance.cdist(points, reference).diagonal())


def test_rejects_points_without_counterparts():
    with pytest.raises(ValueError, match="`points` and `reference` must correspond"):
        tre(np.zeros((3, 2)), np.zeros((1, 2)))


@pytest.mark.parametrize("spacing", [1.5, (1.0, 2.0, 0.5)])
def test_metric(spacing):
    reference, points = np.random.default_rng(0).normal(size=(2, 2, 6, 3))
    expected = tre(points * spacing, reference * spacing).mean(axis=1)
    arrays = reference.astype("float32"), points.astype("float32")
    run_metric_test(TRE, {"spacing": spacing}, *arrays, expected)
