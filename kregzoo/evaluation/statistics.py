"""Means over pairs with standard deviation, interval over persons and counts."""

import collections
import dataclasses
import functools
import itertools

import numpy as np

RESAMPLES = 9999
# With fewer persons, simulated intervals contained the mean in 49 to 89 % of the cases.
FEWEST = 5


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Mean over pairs.

    Args:
        mean: float.
        sd: float. Standard deviation over the pairs.
        low: float. Lower end of the 95 % interval of the mean. None with fewer than
            five persons, because the spread between persons is unknown then.
        high: float. Upper end of the interval, or None.
        count: int. Number of pairs.
        persons: int. Number of persons.
    """

    mean: float
    sd: float
    low: float | None
    high: float | None
    count: int
    persons: int

    def text(self, digits=3):
        """Format the mean and interval, for example `"0.612 [0.598, 0.625]"`."""
        mean = f"{self.mean:.{digits}f}"
        if self.low is None:
            return mean
        return f"{mean} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def estimate(values, persons=None):
    """Estimate the mean over pairs, and its 95 % interval over persons.

    The interval is that of the percentile bootstrap over persons, with a fixed seed.
    Each resample draws as many persons as there are, with replacement. The weight of a
    pair is the number of times that its person was drawn (the cluster bootstrap: Field
    and Welsh, "Bootstrapping clustered data", JRSS B 69, 2007). If the images of a pair
    are of two persons, it is the product of both numbers (Davezies, D'Haultfoeuille and
    Guyonvarch, "Empirical process results for exchangeable arrays", Annals of
    Statistics 49, 2021). Resamples that contain no pair are ignored. Persons that occur
    in exactly the same pairs are drawn as one, because the data cannot tell their
    effects apart. The percentiles are expanded for small samples, as Student's t widens
    the normal interval (Hesterberg, "What teachers should know about the bootstrap",
    The American Statistician 69, 2015). With fewer than five persons there is no
    interval.

    Args:
        values: dict of floats by pair. NaN is ignored.
        persons: dict of the persons of each pair, a list of str. A pair that it does
            not contain counts as a person of its own.

    Returns:
        An `Estimate`, or None if there is no value.

    Example:
        >>> scores = dict.fromkeys("abcde", 0.5)
        >>> estimate(scores).text(1)
        '0.5 [0.5, 0.5]'
        >>> estimate(scores, dict.fromkeys("abcde", ["me"])).text(1)
        '0.5'
    """
    values = {pair: value for pair, value in values.items() if np.isfinite(value)}
    if not values:
        return None
    of_pairs = [(persons or {}).get(pair, [pair]) for pair in values]
    numbers = np.array(list(values.values()), "float64")
    sd = float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
    low = high = None
    drawn = _drawn_together(of_pairs)
    units = len(set(itertools.chain(*drawn)))
    if units >= FEWEST:
        means = _weights(drawn) @ numbers
        low, high = map(float, np.percentile(means, _percentiles(units)))
    count = len(set(itertools.chain(*of_pairs)))
    return Estimate(float(numbers.mean()), sd, low, high, len(numbers), count)


def paired_difference(ours, theirs, persons=None):
    """Estimate the mean difference on the common pairs.

    Args:
        ours: dict of floats by pair.
        theirs: dict of floats by pair.
        persons: dict of the persons of each pair, see `estimate`.

    Returns:
        An `Estimate` of `ours - theirs`, or None if there is no common pair.

    Example:
        >>> paired_difference({"a": 2.0, "b": 3.0}, {"a": 1.5, "c": 0.0}).mean
        0.5
    """
    common = [pair for pair in ours if pair in theirs]
    return estimate({pair: ours[pair] - theirs[pair] for pair in common}, persons)


def _drawn_together(of_pairs):
    """Return the units to draw of each pair: persons that occur in the same pairs."""
    pairs_of = collections.defaultdict(list)
    for number, names in enumerate(of_pairs):
        for name in set(names):
            pairs_of[name].append(number)
    units = {}
    for numbers in map(tuple, pairs_of.values()):
        units.setdefault(numbers, len(units))
    found = [[] for _ in of_pairs]
    for numbers, unit in units.items():
        for number in numbers:
            found[number].append(unit)
    return tuple(map(tuple, found))


def _percentiles(count):
    """Return Hesterberg's expanded percentiles of a 95 % interval."""
    from scipy import stats

    quantile = stats.t.ppf(0.025, count - 1) * (count / (count - 1)) ** 0.5
    tail = 100 * stats.norm.cdf(quantile)
    return tail, 100 - tail


@functools.lru_cache(maxsize=4)
def _weights(units_of_pairs):
    """Draw the weights of pairs in the resamples, `(resamples, pairs)` with sum 1."""
    count = max(itertools.chain(*units_of_pairs)) + 1
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(count, [1 / count] * count, RESAMPLES).astype("float64")
    weights = np.stack(
        [drawn[:, list(units)].prod(axis=1) for units in units_of_pairs], axis=1
    )
    weights = weights[weights.any(axis=1)]
    return weights / weights.sum(axis=1, keepdims=True)
