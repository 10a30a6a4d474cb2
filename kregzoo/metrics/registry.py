"""Registry of metrics: name, computation, comparison and format of each.

Tables of results, cards, comparisons, plots and the README use the registry. A
registered metric is measured and shown everywhere.
"""

import dataclasses
import statistics
from collections.abc import Callable

from kregzoo.metrics.jacobian import folded_percent, sd_log_j
from kregzoo.metrics.landmarks import tre
from kregzoo.metrics.overlap import dice
from kregzoo.metrics.surface import hd95

INPUTS = ("structure", "points", "displacement", "foreground")


@dataclasses.dataclass(frozen=True)
class Metric:
    """Metric of the result of a task.

    Args:
        name: str. Name in tables of results, for example `"dice"`.
        title: str. Name in text, for example `"Dice"`.
        definition: str. How the metric is computed, in a sentence.
        unit: str, for example `"mm"`. Defaults to none.
        better: `"higher"` or `"lower"`.
        digits: int. Decimals to show.
        priority: int. The metric of the highest priority in a table ranks the methods.
            0 for a metric that never ranks.
        interval: bool. Report the mean with its 95 % interval, and compare it between
            evaluations.
        average: callable of the values of all pairs.
        measured_on: what protocols compute it from: `"structure"` (`compute` takes the
            fixed mask, the warped mask and the spacing in mm), `"points"` (mapped and
            true points in mm), `"displacement"` (in voxels) or `"foreground"`
            (displacement in voxels, and the mask of all structures of the fixed image).
            None for a metric that a protocol computes itself.
        compute: callable that returns a float. None for a metric that a protocol
            computes itself.
    """

    name: str
    title: str
    definition: str
    unit: str = ""
    better: str = "higher"
    digits: int = 3
    priority: int = 0
    interval: bool = False
    average: Callable = statistics.mean
    measured_on: str | None = None
    compute: Callable | None = None

    @property
    def heading(self):
        """Title and unit, for the heading of a column."""
        return f"{self.title} in {self.unit}" if self.unit else self.title

    @property
    def sign(self):
        """1 if higher values are better, else -1."""
        return 1 if self.better == "higher" else -1

    def text(self, value):
        """Format a value, or a list of a mean and the ends of its interval.

        Args:
            value: float, list of three floats, or None for no value. The ends of the
                interval are None if it is unknown.

        Returns:
            A str, empty without a value.

        Example:
            >>> METRICS["dice"].text([0.612, 0.598, 0.625])
            '0.6120 [0.5980, 0.6250]'
            >>> METRICS["dice"].text([0.612, None, None])
            '0.6120'
        """
        if value is None:
            return ""
        if isinstance(value, list | tuple):
            mean, low, high = map(self.text, value)
            return f"{mean} [{low}, {high}]" if low else mean
        return f"{value:.{self.digits}f}"


METRICS = {}


def register_metric(metric):
    """Register a metric, so that evaluations measure and show it.

    Args:
        metric: the `Metric`.

    Returns:
        The metric.

    Raises:
        ValueError: If another metric has the same name, or if `better` or `measured_on`
            is unknown.

    Example:
        >>> volume = Metric("volume", "volume", "Volume of a structure.", unit="ml")
        >>> register_metric(volume).heading
        'volume in ml'
        >>> del METRICS["volume"]
    """
    if METRICS.get(metric.name, metric) != metric:
        raise ValueError(
            f"A metric with this name is already registered; choose another name. "
            f"Received: {metric.name!r}"
        )
    if metric.better not in ("higher", "lower"):
        raise ValueError(
            f'`better` must be "higher" or "lower". Received: {metric.better!r}'
        )
    if metric.measured_on not in (None, *INPUTS):
        raise ValueError(
            f"`measured_on` must be None or one of {INPUTS}. "
            f"Received: {metric.measured_on!r}"
        )
    METRICS[metric.name] = metric
    return metric


def measured_on(kind):
    """List the metrics that are computed from a kind of input.

    Args:
        kind: str, see `Metric`.

    Returns:
        List of `Metric`.

    Example:
        >>> [metric.name for metric in measured_on("structure")]
        ['dice', 'hd95']
    """
    return [metric for metric in METRICS.values() if metric.measured_on == kind]


def by_priority(names):
    """List the ranking metrics among some, the most important last.

    Args:
        names: iterable of str.

    Returns:
        List of `Metric`.

    Example:
        >>> [metric.name for metric in by_priority(["tre", "hd95", "dice"])]
        ['dice', 'tre']
    """
    ranking = [METRICS[name] for name in names if METRICS[name].priority]
    return sorted(ranking, key=lambda metric: metric.priority)


def _dice_of_masks(fixed, warped, spacing):
    return dice(fixed.astype("uint8"), warped.astype("uint8"), [1])[1]


def _mean_tre(points, reference):
    return float(tre(points, reference).mean())


for _metric in (
    Metric(
        "dice",
        "Dice",
        "Overlap of the fixed and the warped structure.",
        digits=4,
        priority=1,
        interval=True,
        measured_on="structure",
        compute=_dice_of_masks,
    ),
    Metric(
        "tre",
        "TRE",
        "Target registration error, the mean distance of mapped points from their true "
        "positions.",
        unit="mm",
        better="lower",
        digits=2,
        priority=2,
        interval=True,
        measured_on="points",
        compute=_mean_tre,
    ),
    Metric(
        "hd95",
        "HD95",
        "95th percentile of the Hausdorff distance between surfaces of a structure. "
        "Lost structures do not count.",
        unit="mm",
        better="lower",
        digits=2,
        interval=True,
        measured_on="structure",
        compute=hd95,
    ),
    Metric(
        "folded_foreground_percent",
        "folds in the foreground",
        "Share of the labeled voxels of the fixed image where the Jacobian determinant "
        "of the whole transform is not positive.",
        unit="%",
        better="lower",
        digits=4,
        measured_on="foreground",
        compute=folded_percent,
    ),
    Metric(
        "folded_percent",
        "folds of the grid",
        "The same share of all voxels of the fixed image, which is smaller the larger "
        "the background is.",
        unit="%",
        better="lower",
        digits=4,
        measured_on="displacement",
        compute=folded_percent,
    ),
    Metric(
        "sd_log_j",
        "SDlogJ",
        "Standard deviation of the logarithm of the Jacobian determinant of the whole "
        "transform.",
        better="lower",
        measured_on="displacement",
        compute=sd_log_j,
    ),
    Metric(
        "inverse_error",
        "inverse error",
        "Mean distance of the voxels of the structures from their positions after the "
        "transform and the predicted inverse.",
        unit="mm",
        better="lower",
    ),
    Metric(
        "success_percent",
        "success",
        "Share of the pairs with a TRE below the limit of the protocol, of all pairs.",
        unit="%",
        digits=0,
    ),
    Metric(
        "seconds_network",
        "seconds of the network",
        "Time of the prediction within a registration, in both directions if the "
        "method uses both. Median over the first three pairs, after compilation.",
        better="lower",
        digits=3,
        average=statistics.median,
    ),
    Metric(
        "seconds",
        "seconds",
        "Median over the pairs, from reading two files to having written the warped "
        "image and the transform, without loading the network, on an idle machine.",
        better="lower",
        digits=2,
        average=statistics.median,
    ),
    Metric(
        "seconds_report",
        "seconds with the report",
        "From reading two files to having written everything that `kregzoo register` "
        "writes, including the report. Median over the first three pairs, after "
        "compilation.",
        better="lower",
        digits=2,
        average=statistics.median,
    ),
):
    register_metric(_metric)
