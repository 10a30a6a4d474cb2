import numpy as np
import pytest

from kregzoo.losses import Gradient
from tests.helpers import assert_close, random_field, run_loss_test


@pytest.mark.parametrize("shape", [(9, 8), (6, 7, 5)])
@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_averages_numpys_differences(shape, penalty):
    field = random_field(2, shape, sigma=1.0)
    values = run_loss_test(
        Gradient, {"penalty": penalty}, field, field, step=0.01, tolerance=0.05
    )
    size = np.abs if penalty == "l1" else np.square
    expected = [
        [size(np.diff(sample, axis=axis)).mean() for axis in range(len(shape))]
        for sample in field
    ]
    assert_close(values, np.mean(expected, axis=1))


def test_translations_are_free():
    field = np.full((1, 6, 6, 2), 3.0, "float32")
    assert_close(Gradient()(field, field), 0.0)


def test_rejects_unknown_penalties():
    with pytest.raises(ValueError, match="`penalty` must be.*Received: penalty='l3'"):
        Gradient(penalty="l3")


def test_differences_that_may_fold_are_multiplied():
    field = np.zeros((1, 3, 2, 2), "float32")
    field[0, :, :, 0] = [[0.0, 0.0], [-2.0, -2.0], [-2.5, -2.5]]
    # Along the first axis the component falls by 2, which counts tenfold, and by 0.5.
    expected = ((10 * 2.0) ** 2 + 0.5**2) / 4 / 2
    assert_close(Gradient(fold_factor=10.0)(field, field), expected)
    loss = Gradient.from_config(Gradient(fold_factor=10.0).get_config())
    assert loss.fold_factor == 10.0


def test_rejects_fold_factors_below_1():
    with pytest.raises(ValueError, match="`fold_factor`.*Received: fold_factor=0.5"):
        Gradient(fold_factor=0.5)
