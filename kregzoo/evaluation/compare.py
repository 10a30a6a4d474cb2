"""Which method moved between two evaluations, and by how much."""

import dataclasses

from kregzoo.evaluation.statistics import estimate, paired_difference
from kregzoo.evaluation.table import by_pair

# Which way is better.
FIGURES = {"dice": 1, "tre": -1, "hd95": -1}


@dataclasses.dataclass(frozen=True)
class Change:
    """How one figure of one method changed.

    Args:
        method: str.
        figure: str; `"failed"` for pairs that were registered before and now fail.
        difference: the `Estimate` of after minus before, over the common pairs.
        verdict: `"better"`, `"worse"` or `"same"`: worse when the interval of the
            difference lies wholly on the worse side of the tolerance.
    """

    method: str
    figure: str
    difference: object
    verdict: str


def compare(before, after, tolerance=0.0, tolerance_mm=0.0):
    """Compare two evaluations on the pairs and methods that both have.

    Args:
        before: list of rows, see `kregzoo.evaluation.table`.
        after: likewise.
        tolerance: float >= 0. Differences of Dice up to it do not count.
        tolerance_mm: float >= 0. The same of distances.

    Returns:
        List of `Change`, by method and figure.

    Raises:
        ValueError: when they have no method and pair in common.
    """
    changes = []
    for figure, sign in FIGURES.items():
        allowed = tolerance if figure == "dice" else tolerance_mm
        old, new = by_pair(before, figure), by_pair(after, figure)
        for method in [name for name in old if name in new]:
            difference = paired_difference(new[method], old[method])
            if difference:
                verdict = _verdict(difference, sign, allowed)
                changes.append(Change(method, figure, difference, verdict))
    changes += _failures(before, after)
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

    table = Table("method", "figure", "pairs", "after - before [95 %]", "verdict")
    for change in changes:
        found = change.difference
        table.add_row(
            change.method,
            change.figure,
            str(found.count),
            found.text(4),
            change.verdict,
        )
    return table


def _failures(before, after):
    """Methods that fail on pairs which they registered before: worse, whatever else."""
    registered = {(r["method"], r["pair"]) for r in before if not r.get("error")}
    failed = {}
    for row in after:
        if row.get("error") and (row["method"], row["pair"]) in registered:
            failed.setdefault(row["method"], []).append(1.0)
    return [
        Change(method, "failed", estimate(values), "worse")
        for method, values in failed.items()
    ]


def _verdict(difference, sign, tolerance):
    ends = sorted((sign * difference.low, sign * difference.high))
    if ends[0] > tolerance:
        return "better"
    return "worse" if ends[1] < -tolerance else "same"
