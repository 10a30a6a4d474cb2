import numpy as np
import pytest

from kregzoo.losses import AntiFolding
from tests.helpers import assert_close, random_field, run_loss_test


@pytest.mark.parametrize("shape", [(9, 8), (6, 7, 8)])
def test_is_its_definition(shape):
    # So rough that many neighbors change places.
    field = random_field(2, shape, amplitude=9.0, sigma=1.0)
    values = run_loss_test(AntiFolding, {}, field, field, step=0.01)
    expected = 0.0
    for axis in range(1, field.ndim - 1):
        past = np.minimum(0, np.diff(field, axis=axis) + 1)
        expected = expected + np.mean(-(past**3), axis=tuple(range(1, field.ndim)))
    assert_close(values, expected / len(shape))
    assert (values > 0.01).all()


def test_a_folded_field_costs_and_a_smooth_one_does_not():
    fold = np.zeros((1, 8, 8, 2), "float32")
    fold[:, 4:, :, 0] = -3.0
    assert float(AntiFolding()(fold, fold)) > 0
    assert float(AntiFolding()(fold, 0.3 * fold)) == 0.0
