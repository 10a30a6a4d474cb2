import numpy as np
import pytest

from kregzoo.losses import ActionValueError
from tests.helpers import assert_close, run_loss_test


def test_differences_count_relative_to_their_spread():
    rng = np.random.default_rng(0)
    true, found = rng.normal(size=(2, 3, 12)).astype("float32")
    options = {"level": 0.1, "floor": 0.5}
    values = run_loss_test(ActionValueError, options, true, found)
    errors = found - true
    common = errors.mean(axis=1)
    differing = errors.var(axis=1) / (true.var(axis=1) + 0.5)
    assert_close(values, differing + 0.1 * common**2)


def test_where_all_actions_are_worth_the_same_little_counts():
    same = np.full((1, 6), 9.0, "float32")
    rough = same + np.array([[0.01, -0.01] * 3], "float32")
    assert_close(ActionValueError().call(same, rough), [0.01])


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`level` must not be negative"):
        ActionValueError(level=-1.0)
    with pytest.raises(ValueError, match="`floor` must be positive"):
        ActionValueError(floor=0.0)
