"""Means over pairs with standard deviation, interval and number of pairs."""

import dataclasses

import numpy as np

RESAMPLES = 9999


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Mean over pairs.

    Args:
        mean: float.
        sd: float. Standard deviation over the pairs.
        low: float. Lower end of the bootstrap 95 % interval of the mean.
        high: float. Upper end of the interval.
        count: int. Number of pairs.
    """

    mean: float
    sd: float
    low: float
    high: float
    count: int

    def text(self, digits=3):
        """Format the mean and interval, for example `"0.612 [0.598, 0.625]"`."""
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def estimate(values):
    """Estimate the mean over pairs and its bootstrap 95 % interval.

    The interval is that of the percentile bootstrap over pairs (Efron and Tibshirani,
    "An Introduction to the Bootstrap", 1993, chapter 13), with a fixed seed. It assumes
    independent pairs. Pairs that share a subject are not independent, which makes the
    interval too narrow.

    Args:
        values: sequence of floats, one per pair. NaN is ignored.

    Returns:
        An `Estimate`, or None if there is no value.

    Example:
        >>> estimate([0.5, 0.5]).text(1)
        '0.5 [0.5, 0.5]'
    """
    from scipy import stats

    values = np.asarray([v for v in values if v is not None], "float64")
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low = high = mean = float(values.mean())
    if len(values) > 1:
        interval = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        low, high = map(float, interval)
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Estimate(mean, sd, low, high, len(values))


def paired_difference(ours, theirs):
    """Estimate the mean difference on the common pairs.

    Args:
        ours: dict of floats by pair.
        theirs: dict of floats by pair.

    Returns:
        An `Estimate` of `ours - theirs`, or None if there is no common pair.

    Example:
        >>> paired_difference({"a": 2.0, "b": 3.0}, {"a": 1.5, "c": 0.0}).mean
        0.5
    """
    common = [pair for pair in ours if pair in theirs]
    return estimate([ours[pair] - theirs[pair] for pair in common])
