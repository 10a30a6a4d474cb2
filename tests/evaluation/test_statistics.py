import numpy as np
import pytest
from scipy import stats

from kregzoo.evaluation import estimate, paired_difference


def test_mean_sd_and_interval():
    values = np.random.default_rng(3).normal(0.6, 0.05, 40)
    found = estimate([*values, float("nan"), None])
    assert found.count == 40
    assert found.mean == pytest.approx(values.mean())
    assert found.sd == pytest.approx(values.std(ddof=1))
    # With many values the bootstrap is close to Student's interval.
    low, high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert found.low == pytest.approx(low, abs=0.003)
    assert found.high == pytest.approx(high, abs=0.003)
    assert found == estimate(values)


def test_the_interval_has_its_nominal_coverage():
    rng = np.random.default_rng(0)
    found = [estimate(rng.normal(0, 1, 30)) for _ in range(100)]
    covered = sum(one.low <= 0 <= one.high for one in found)
    assert 85 <= covered <= 99


def test_one_value_and_none():
    assert estimate([0.5]).text(2) == "0.50 [0.50, 0.50]"
    assert estimate([]) is None and estimate([float("nan")]) is None


def test_differences_are_of_the_same_pairs():
    ours = {"a": 0.7, "b": 0.9, "only ours": 0.0}
    theirs = {"a": 0.6, "b": 0.7, "only theirs": 1.0}
    found = paired_difference(ours, theirs)
    assert found.count == 2
    assert found.mean == pytest.approx(0.15)
    assert (found.low, found.high) == pytest.approx((0.1, 0.2))
    assert paired_difference({"a": 1.0}, {"b": 1.0}) is None
