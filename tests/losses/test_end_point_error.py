import numpy as np
import pytest

from kregzoo.losses import EndPointError
from tests.helpers import assert_close, run_loss_test


@pytest.mark.parametrize("spatial", [(6, 5), (4, 5, 3)])
def test_is_the_mean_distance(spatial):
    rng = np.random.default_rng(0)
    shape = (2, *spatial, len(spatial))
    true, pred = rng.normal(size=(2, *shape)).astype("float32")
    values = run_loss_test(EndPointError, {"unit": 4.0}, true, pred)
    distances = np.linalg.norm(true / 4 - pred, axis=-1)
    assert_close(values, distances.reshape(2, -1).mean(axis=1), rtol=1e-4)


def test_the_target_comes_to_the_predictions_grid():
    ramp = np.arange(16, dtype="float32")[None, :, None, None]
    true = np.broadcast_to(ramp, (1, 16, 16, 2)).copy()
    pred = np.zeros((1, 4, 4, 2), "float32")
    pred[..., 0] = np.array([1.5, 5.5, 9.5, 13.5])[:, None]
    pred[..., 1] = pred[..., 0] - 3
    inner = (slice(None), slice(1, 3))
    loss = EndPointError()
    # Away from the border, where the ramp ends.
    value = loss(true[:, 4:12], pred[inner])
    assert_close(value, 3.0, rtol=0.05)


def test_rejects_a_unit_that_is_not_positive():
    with pytest.raises(ValueError, match="`unit`.*Received: unit=0"):
        EndPointError(0)
