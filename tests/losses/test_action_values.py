import numpy as np
import pytest

from kregzoo.losses import ActionValueError
from tests.helpers import assert_close, run_loss_test


def test_differences_count_relative_to_their_spread():
    rng = np.random.default_rng(0)
    true, found = rng.normal(size=(2, 3, 12)).astype("float32")
    values = run_loss_test(ActionValueError, {"level": 0.1}, true, found)
    errors = found - true
    common = errors.mean(axis=1)
    differing = errors.var(axis=1) / true.var(axis=1)
    assert_close(values, differing + 0.1 * common**2)
    # Whatever the unit of the differences.
    wide = ActionValueError(level=0.0)
    assert_close(wide.call(100 * true, 100 * found), differing)


def test_bad_levels_are_refused():
    with pytest.raises(ValueError, match="`level` must not be negative"):
        ActionValueError(level=-1.0)
