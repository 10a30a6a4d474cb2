"""Compare two evaluations: which methods changed, and by how much."""

import dataclasses

from kregzoo.evaluation.statistics import estimate, paired_difference
from kregzoo.evaluation.table import ERROR, by_pair
from kregzoo.metrics.registry import METRICS


@dataclasses.dataclass(frozen=True)
class Change:
    """Change of one metric of one method.

    Args:
        method: str.
        metric: str; `"failed"` for pairs that were registered before and now fail.
        difference: the `Estimate` of after minus before, over the common pairs.
        verdict: `"better"`, `"worse"` or `"same"`. Worse means that the whole interval
            of the difference lies on the worse side of the tolerance. With fewer than
            five persons, it is the interval over pairs, and with fewer than five pairs,
            the range of their differences.
    """

    method: str
    metric: str
    difference: object
    verdict: str


def compare(before, after, tolerance=0.0, tolerance_mm=0.0, persons=None):
    """Compare two evaluations on their common pairs and methods.

    The metrics that are reported with an interval are compared.

    Args:
        before: list of rows, see `kregzoo.evaluation.table`.
        after: likewise.
        tolerance: float >= 0. Differences up to it do not count.
        tolerance_mm: float >= 0. Likewise, for metrics in mm.
        persons: dict of the persons of each pair, see `estimate`.

    Returns:
        List of `Change`, by method and metric.

    Raises:
        ValueError: If they have no method and pair in common.
    """
    changes = []
    for metric in (metric for metric in METRICS.values() if metric.interval):
        allowed = tolerance_mm if metric.unit == "mm" else tolerance
        old, new = (by_pair(rows, metric.name) for rows in (before, after))
        for method in [name for name in old if name in new]:
            difference = paired_difference(new[method], old[method], persons)
            if difference:
                bounds = _bounds(new[method], old[method], difference)
                verdict = _verdict(bounds, metric.sign, allowed)
                changes.append(Change(method, metric.name, difference, verdict))
    changes += _failures(before, after, persons)
    if not changes:
        methods = [sorted({row["method"] for row in rows}) for rows in (before, after)]
        raise ValueError(
            "The two tables must have a method and a pair in common. "
            f"Received: methods {methods[0]} and {methods[1]}"
        )
    return sorted(changes, key=lambda change: change.method)


def changes_table(changes):
    """Make a table of changes to print.

    Args:
        changes: list of `Change`.

    Returns:
        A `rich.table.Table`.
    """
    from rich.table import Table

    table = Table("method", "metric", "pairs", "after - before [95 %]", "verdict")
    for change in changes:
        found = change.difference
        table.add_row(
            change.method,
            change.metric,
            str(found.count),
            found.text(4),
            change.verdict,
        )
    return table


def _failures(before, after, persons):
    """Find methods that now fail on pairs that they registered: always worse."""
    failed_before = {(r["method"], r["pair"]) for r in before if r["metric"] == ERROR}
    registered = {(r["method"], r["pair"]) for r in before} - failed_before
    failed = {}
    for row in after:
        if row["metric"] == ERROR and (row["method"], row["pair"]) in registered:
            failed.setdefault(row["method"], {})[row["pair"]] = 1.0
    return [
        Change(method, "failed", estimate(values, persons), "worse")
        for method, values in failed.items()
    ]


def _bounds(new, old, difference):
    """Return the ends of the interval that decides, see `Change`."""
    for found in (difference, paired_difference(new, old)):
        if found.low is not None:
            return found.low, found.high
    differences = [new[pair] - old[pair] for pair in new if pair in old]
    return min(differences), max(differences)


def _verdict(bounds, sign, tolerance):
    ends = sorted(sign * end for end in bounds)
    if ends[0] > tolerance:
        return "better"
    return "worse" if ends[1] < -tolerance else "same"
