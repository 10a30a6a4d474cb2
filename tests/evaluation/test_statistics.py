import itertools

import numpy as np
import pytest
from scipy import stats

from kregzoo.evaluation import estimate, paired_difference

RNG = np.random.default_rng(3)


def by_name(values):
    return {str(number): value for number, value in enumerate(values)}


def interval(values, persons=None):
    found = estimate(values, persons)
    return found.low, found.high


def test_mean_sd_and_interval_of_independent_pairs():
    values = RNG.normal(0.6, 0.05, 40)
    found = estimate({**by_name(values), "lost": float("nan")})
    assert found.count == found.persons == 40
    assert found.mean == pytest.approx(values.mean())
    assert found.sd == pytest.approx(values.std(ddof=1))
    # With many values the bootstrap is close to Student's interval.
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.003)
    assert found == estimate(by_name(values))


def test_the_interval_has_its_nominal_coverage():
    for count in (5, 30):
        found = [estimate(by_name(RNG.normal(0, 1, count))) for _ in range(200)]
        covered = sum(one.low <= 0 <= one.high for one in found)
        assert 178 <= covered <= 199


def test_pairs_of_separate_persons_have_the_bootstrap_over_pairs():
    values = RNG.gamma(2.0, 1.0, 25)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        # The expanded percentiles of 25 values: 1.76 % at each end.
        confidence_level=1 - 2 * stats.norm.cdf(stats.t.ppf(0.025, 24) * 1.0206207),
        method="percentile",
        rng=1,
    )
    expected = tuple(theirs.confidence_interval)
    one = {str(number): [f"person {number}"] for number in range(25)}
    # Two persons that are in no other pair are drawn together.
    two = {str(number): [f"a{number}", f"b{number}"] for number in range(25)}
    for persons in (None, one, two):
        assert interval(by_name(values), persons) == pytest.approx(expected, abs=0.04)
    assert estimate(by_name(values), two).persons == 50


def test_pairs_of_one_person_are_drawn_together():
    # Equal pairs of a person have the interval of one pair of each person.
    effects = RNG.normal(0, 1, 12)
    repeated = by_name(np.repeat(effects, 10))
    persons = {name: [f"person {int(name) // 10}"] for name in repeated}
    found = estimate(repeated, persons)
    assert (found.low, found.high) == pytest.approx(interval(by_name(effects)))
    assert (found.count, found.persons) == (120, 12)
    low, high = interval(repeated)
    assert high - low < 0.5 * (found.high - found.low)


def test_the_weight_of_a_pair_is_the_product_of_the_draws_of_its_persons():
    # Five persons, drawn five times: all 3125 equally likely resamples.
    pairs = list(itertools.combinations("abcde", 2))
    values = dict(zip(map("".join, pairs), RNG.normal(0, 1, 10), strict=True))
    means = []
    for drawn in itertools.product("abcde", repeat=5):
        weights = [drawn.count(one) * drawn.count(two) for one, two in pairs]
        if any(weights):
            means.append(np.average(list(values.values()), weights=weights))
    persons = {"".join(pair): list(pair) for pair in pairs}
    tail = 100 * stats.norm.cdf(stats.t.ppf(0.025, 4) * 1.25**0.5)
    expected = np.percentile(means, (tail, 100 - tail))
    found = interval(values, persons)
    assert found == pytest.approx(expected, abs=0.1 * (expected[1] - expected[0]))


def test_the_interval_covers_the_effects_of_persons_in_two_roles():
    names = [str(number) for number in range(15)]
    persons = {f"{a} to {b}": [a, b] for a, b in itertools.permutations(names, 2)}
    covered = {"persons": 0, "pairs": 0}
    for _ in range(60):
        effects = dict(zip(names, RNG.normal(0, 1, 15), strict=True))
        values = {
            pair: effects[a] + effects[b] + RNG.normal(0, 0.5)
            for pair, (a, b) in persons.items()
        }
        for key, known in (("persons", persons), ("pairs", None)):
            low, high = interval(values, known)
            covered[key] += low <= 0 <= high
    assert covered["persons"] >= 50 and covered["pairs"] <= 35


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_few_persons_have_no_interval(count):
    values = {str(number): 0.4 + 0.2 * (number % 2) for number in range(20)}
    persons = {name: [f"person {int(name) % count}"] for name in values}
    found = estimate(values, persons)
    assert found.mean == pytest.approx(0.5) and found.sd > 0
    assert found.persons == count
    assert (found.low is None) == (found.high is None) == (count < 5)
    assert ("[" in found.text(2)) == (count == 5)


def test_two_persons_who_are_always_together_have_no_interval():
    values = dict.fromkeys("abcdefgh", 0.5)
    assert estimate(values, dict.fromkeys(values, ["me", "you"])).low is None


def test_one_value_and_none():
    assert estimate({"a": 0.5}).text(2) == "0.50"
    assert estimate({}) is None and estimate({"a": float("nan")}) is None


def test_differences_are_of_the_same_pairs():
    ours = {**dict.fromkeys("abcde", 0.7), "f": 1.3, "only ours": 0.0}
    theirs = {**dict.fromkeys("abcdef", 0.6), "only theirs": 1.0}
    found = paired_difference(ours, theirs)
    assert found.count == 6
    assert found.mean == pytest.approx(0.2)
    assert found.low == pytest.approx(0.1) and 0.3 < found.high < 0.7
    assert paired_difference(ours, theirs, dict.fromkeys("abcdef", ["p"])).low is None
    assert paired_difference({"a": 1.0}, {"b": 1.0}) is None
