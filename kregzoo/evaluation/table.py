"""The tidy table of an evaluation: one row a pair, method and label, as CSV."""

import csv
import math
import pathlib

from kregzoo.utils.files import atomic

# By pair and method, and by label below it; what is the same for all labels of a pair
# stands in each row.
FIGURES = (
    "dice",
    "hd95",
    "tre",
    "folded_percent",
    "sd_log_j",
    "inverse_error",
    "seconds",
)
COLUMNS = ("pair", "method", "label", *FIGURES, "error")


def read_rows(path):
    """Read the rows of a CSV file that `write_rows` wrote.

    Args:
        path: the file.

    Returns:
        List of dicts by column: strings, `label` an int, and figures floats, NaN where
        the file has none.

    Raises:
        ValueError: when the file is missing or has other columns.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"There is no such file of rows. Received: {str(path)!r}")
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(
                f"The file must have the columns {', '.join(COLUMNS)}. "
                f"Received: {str(path)!r} with {', '.join(reader.fieldnames or ())}"
            )
        return [_parsed(row) for row in reader]


def write_rows(path, rows):
    """Write rows as CSV, the file appearing when complete.

    Args:
        path: the file.
        rows: list of dicts with some of the columns.
    """
    with (
        atomic(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _text(v) for k, v in row.items()} for row in rows)


def by_pair(rows, figure):
    """Mean of a figure over the labels of each pair, by method.

    Args:
        rows: list of dicts.
        figure: one of `FIGURES`.

    Returns:
        Dict of dicts, `values[method][pair]`; pairs without a value are left out.
    """
    sums = {}
    for row in rows:
        value = row.get(figure)
        if value is None or math.isnan(value):
            continue
        values = sums.setdefault(row["method"], {}).setdefault(row["pair"], [])
        values.append(value)
    return {
        method: {pair: sum(v) / len(v) for pair, v in pairs.items()}
        for method, pairs in sums.items()
    }


def _parsed(row):
    figures = {name: float(row[name] or "nan") for name in FIGURES}
    label = int(row["label"]) if row["label"] else None
    return {**row, "label": label, **figures}


def _text(value):
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value
