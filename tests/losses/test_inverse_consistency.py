import keras
import numpy as np
import pytest
from scipy import ndimage

from kregzoo import ops
from kregzoo.losses import InverseConsistency
from tests.helpers import assert_close, random_field, run_loss_test


@pytest.mark.parametrize("shape", [(12, 10), (8, 9, 7)])
def test_is_what_remains_of_going_there_and_back(shape):
    ndim = len(shape)
    forward = random_field(2, shape, amplitude=0.7, seed=0)
    backward = random_field(2, shape, amplitude=0.7, seed=1)
    both = np.concatenate([forward, backward], axis=-1)
    values = run_loss_test(InverseConsistency, {}, both, both, tolerance=0.05)

    def remainder(first, second):
        points = np.moveaxis(np.indices(shape), 0, -1) + first
        points = np.moveaxis(points, -1, 0)
        sampled = [
            ndimage.map_coordinates(second[..., k], points, order=1, mode="nearest")
            for k in range(ndim)
        ]
        return np.mean(np.sum((first + np.stack(sampled, axis=-1)) ** 2, axis=-1))

    expected = [
        0.5 * (remainder(u, v) + remainder(v, u))
        for u, v in zip(forward, backward, strict=True)
    ]
    assert_close(values, expected)


def test_inverses_are_consistent():
    forward = random_field(1, (24, 24), amplitude=1.5, sigma=4.0)
    backward = keras.ops.convert_to_numpy(ops.invert(forward))
    loss = InverseConsistency()
    inverses = np.concatenate([forward, backward], axis=-1)
    negatives = np.concatenate([forward, -forward], axis=-1)
    (consistent,), (rough,) = (loss.call(None, x) for x in (inverses, negatives))
    assert float(consistent) < 0.1 * float(rough)


def test_rejects_a_single_field():
    field = np.zeros((1, 4, 4, 2), "float32")
    with pytest.raises(ValueError, match="`y_pred` must have 4 channels"):
        InverseConsistency().call(None, field)
