"""Tables of results in CSV: one row per pair, method, label and metric."""

import csv
import dataclasses
import functools
import json
import math
import pathlib

from kregzoo.metrics.registry import METRICS, by_priority
from kregzoo.utils.files import atomic

# The label is empty for metrics of the whole pair.
COLUMNS = ("pair", "method", "label", "metric", "value")
# Replaces the metric if a method failed. The value is then the error message.
ERROR = "error"


@dataclasses.dataclass(frozen=True)
class Table:
    """Results on one data set and how they were measured.

    Args:
        name: str. Name of the data, followed by that of the protocol unless it is
            `"pairs"`.
        rows: list of dicts by column.
        record: dict of `data`, `methods`, `run` and, by the name of a method that
            another commit measured, `runs`. `data` has the `persons` of each
            pair, a list of str, and its group in `groups`, if they are known.
    """

    name: str
    rows: list
    record: dict

    @classmethod
    def read(cls, path):
        """Read a CSV file and the JSON file beside it."""
        path = pathlib.Path(path)
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return cls(path.stem, read_rows(path), record)

    @property
    def methods(self):
        """Names of the methods, in the order of the evaluation."""
        return list(self.record["methods"])

    @functools.cached_property
    def metrics(self):
        """Names of the metrics that have a value, in the order of the registry."""
        found = {row["metric"] for row in self.rows}
        return [name for name in METRICS if name in found]

    @property
    def ranking(self):
        """The metrics that rank methods, the most important last."""
        return by_priority(self.metrics)

    def values(self, metric):
        """Collect a metric by method and pair, see `by_pair`.

        Args:
            metric: str.

        Returns:
            Dict of dicts, `[method][pair]`. Methods without a value are left out.
        """
        found = self._by_metric.get(metric, {})
        return {name: found[name] for name in self.methods if name in found}

    @functools.cached_property
    def _by_metric(self):
        return {name: by_pair(self.rows, name) for name in self.metrics}

    @property
    def persons(self):
        """The persons of each pair, empty in tables that do not record them."""
        return self.record["data"].get("persons", {})

    @property
    def groups(self):
        """The group of each pair that has one, in tables that record groups."""
        return self.record["data"].get("groups", {})

    @property
    def interval(self):
        """What the interval of a mean is, for headings."""
        return f"95 % over {'persons' if self.persons else 'pairs'}"

    def start(self, metric):
        """Collect a metric before registration, by pair.

        Args:
            metric: str.

        Returns:
            Dict of floats: with aligned centers if this was measured, otherwise as the
            files are. Empty if neither was measured.
        """
        values = self.values(metric)
        return values.get("centers") or values.get("identity") or {}

    @property
    def failures(self):
        """The rows of pairs that a method failed to register."""
        return [row for row in self.rows if row["metric"] == ERROR]

    def success(self, method, limit):
        """Compute the share of a method's pairs with a TRE below a limit.

        Args:
            method: str.
            limit: float, in mm.

        Returns:
            Float from 0 to 1. Failed pairs count as not successful.
        """
        pairs = {row["pair"] for row in self.rows if row["method"] == method}
        errors = self.values("tre").get(method, {}).values()
        return sum(error < limit for error in errors) / len(pairs)

    @property
    def presets(self):
        """Names of the presets among the methods."""
        weighted = [
            name for name in self.methods if "weights" in self.record["methods"][name]
        ]
        return list(dict.fromkeys(name.split()[0] for name in weighted))

    def ours(self):
        """Names of the methods that are presets, refined or not."""
        return [name for name in self.methods if name.split()[0] in self.presets]


def read_rows(path):
    """Read the rows of a CSV file that `write_rows` wrote.

    Args:
        path: the file.

    Returns:
        List of dicts by column. Values are strings, except for `label`, an int or None,
        and `value`, a float, or a str if the metric is `"error"`.

    Raises:
        ValueError: If the file is missing or has other columns.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"The table must be a file. Received: {str(path)!r}")
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(
                f"The table must have the columns {', '.join(COLUMNS)}. "
                f"Received: {str(path)!r} with {', '.join(reader.fieldnames or ())}"
            )
        return [_parsed(row) for row in reader]


def read_persons(path):
    """Read the persons of the pairs of a table.

    Args:
        path: the CSV file.

    Returns:
        Dict of lists of str by pair, from the JSON file beside the table. Empty if
        there is no such file, or if it does not record them.
    """
    path = pathlib.Path(path).with_suffix(".json")
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))["data"].get("persons", {})


def write_rows(path, rows):
    """Write rows to a CSV file, which appears only when it is complete.

    Args:
        path: the file.
        rows: list of dicts by column. Rows without a value are left out.
    """
    with (
        atomic(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {**row, "value": _text(row)} for row in rows if _has_value(row)
        )


def by_pair(rows, metric):
    """Average a metric over the labels of each pair, by method.

    Args:
        rows: list of dicts.
        metric: str.

    Returns:
        Dict of dicts, `values[method][pair]`. Pairs without a value are left out.
    """
    found = {}
    for row in rows:
        if row["metric"] == metric and _has_value(row):
            pairs = found.setdefault(row["method"], {})
            pairs.setdefault(row["pair"], []).append(row["value"])
    return {
        method: {pair: sum(v) / len(v) for pair, v in pairs.items()}
        for method, pairs in found.items()
    }


def _has_value(row):
    return not (isinstance(row["value"], float) and math.isnan(row["value"]))


def _parsed(row):
    value = row["value"] if row["metric"] == ERROR else float(row["value"])
    return {**row, "label": int(row["label"]) if row["label"] else None, "value": value}


def _text(row):
    value = row["value"]
    return value if row["metric"] == ERROR else f"{value:.6g}"
