import numpy as np
import pytest

from kregzoo.losses import Wasserstein
from tests.helpers import assert_close, run_loss_test


@pytest.mark.parametrize("shape", [(5, 1), (4, 3, 3, 1)])
def test_is_the_difference_of_mean_scores(shape):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, *shape[1:])).astype("float32")
    good = np.array([1.0, 0.0, 0.0, 1.0], "float32").reshape(4, *[1] * (len(shape) - 1))
    targets = np.broadcast_to(good, scores.shape).copy()
    values = run_loss_test(Wasserstein, {}, targets, scores)
    means = scores.reshape(4, -1).mean(axis=1)
    assert_close(values, means * [-1, 1, 1, -1])
