import numpy as np
import pytest
from keras import ops

from kregzoo.metrics.sample_mean import SampleMean
from tests.helpers import assert_close


class Difference(SampleMean):
    """Signed difference of a sample."""

    def measure(self, y_true, y_pred):
        return ops.mean(y_pred - y_true, axis=1)


def test_samples_of_all_batches_count_by_their_weights():
    rng = np.random.default_rng(0)
    true, pred = rng.normal(size=(2, 7, 5)).astype("float32")
    weights = rng.uniform(size=7).astype("float32")
    metric = Difference(name="difference")
    for batch in (slice(0, 3), slice(3, 7)):
        metric.update_state(true[batch], pred[batch], weights[batch])
    expected = np.average((pred - true).mean(axis=1), weights=weights)
    assert_close(metric.result(), expected)


@pytest.mark.parametrize("shape", [(2, 5), (2, 3)])
def test_weights_of_voxels_are_refused(shape):
    values = np.ones((2, 5), "float32")
    with pytest.raises(ValueError, match="one weight per sample. Received: "):
        Difference().update_state(values, values, np.ones(shape))


def test_a_metric_must_say_what_it_measures():
    with pytest.raises(NotImplementedError):
        SampleMean().update_state(np.ones((2, 5)), np.ones((2, 5)))
