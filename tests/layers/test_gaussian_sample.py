import numpy as np
import pytest

from kregzoo.layers import GaussianSample
from tests.helpers import assert_close, run_layer_test


@pytest.mark.parametrize("ndim", [2, 3])
def test_gives_the_mean_outside_training(ndim, tmp_path):
    statistics = np.random.default_rng(0).normal(size=(2, *[4] * ndim, 2 * ndim))
    statistics = statistics.astype("float32")
    output_shape = (*statistics.shape[:-1], ndim)
    output = run_layer_test(GaussianSample, {}, statistics, output_shape, tmp_path)
    assert_close(output, statistics[..., :ndim])


def test_draws_with_the_given_variance_in_training():
    statistics = np.full((1, 64, 64, 4), 2.0, "float32")
    statistics[..., 2:] = np.log([0.25, 4.0])
    draws = np.array(GaussianSample(seed=0)(statistics, training=True))
    assert_close(draws.mean(axis=(0, 1, 2)), [2.0, 2.0], atol=0.1)
    assert_close(draws.std(axis=(0, 1, 2)), [0.5, 2.0], rtol=0.05)
    other = np.array(GaussianSample(seed=1)(statistics, training=True))
    assert np.abs(draws - other).max() > 0.1
