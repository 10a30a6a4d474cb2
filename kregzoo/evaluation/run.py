"""Running methods on the held-out pairs of a data folder, to a table that stays."""

import json
import pathlib
import re
import tempfile
import time

from kregzoo.evaluation.pairs import read_pairs, rows_of
from kregzoo.evaluation.protocols import TRUTHS
from kregzoo.evaluation.table import ERROR, Table, read_rows, write_rows
from kregzoo.training import read_dataset
from kregzoo.utils.files import atomic
from kregzoo.utils.progress import progress_bar
from kregzoo.utils.provenance import provenance

SAME = ("version", "commit", "machine", "backend")


def evaluate(methods, data, folder, command="", count=None, truth=None, progress=True):
    """Register every held-out pair by every method, from the raw files.

    What a table in `folder` already holds, by the same methods in the same versions, at
    the same commit and on the same machine, is not run again; pairs that failed are. A
    failure is recorded and the run goes on.

    Args:
        methods: list of `Method`.
        data: folder with a `dataset.json`.
        folder: folder of the tables: `<data>.csv`, see `kregzoo.evaluation.table`, and
            `<data>.json` that says what the data and the methods are.
        command: str. The command to record.
        count: int. Register only the first so many pairs; None for all.
        truth: str, of `TRUTHS`: in place of the data's own pairs register such as it
            makes; the tables are `<data>_<truth>`.
        progress: bool. Show a progress bar.

    Returns:
        The `Table` measured.

    Raises:
        ValueError: when the data are not usable.
    """
    data, folder = pathlib.Path(data).resolve(), pathlib.Path(folder)
    with tempfile.TemporaryDirectory() as made:
        if truth is None:
            pairs = read_pairs(data, count)
        else:
            pairs = TRUTHS[truth].make(data, made, count)
        facts = _facts(data, len(pairs), truth)
        return _measured(methods, pairs, facts, folder, provenance(command), progress)


def _measured(methods, pairs, facts, folder, run, progress):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{facts['name']}.csv"
    descriptions = {method.name: method.description for method in methods}
    rows = _kept(path, descriptions, run)
    record = {"data": facts, "methods": descriptions, "run": run}
    with atomic(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")
    done = {(row["pair"], row["method"]) for row in rows}
    with progress_bar(len(pairs) * len(methods), progress, path.stem) as advance:
        for pair in pairs:
            for method in methods:
                if (pair.name, method.name) not in done:
                    rows += _registered(method, pair)
                    write_rows(path, rows)
                advance()
    return Table.read(path)


def _registered(method, pair):
    """The rows of one pair and method; one row with the error if it fails."""
    key = {"pair": pair.name, "method": method.name}
    try:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            paths = method.run(pair.moving, pair.fixed, pathlib.Path(folder))
            seconds = time.perf_counter() - start
            rows = pair.measure(method.transform(paths), method.inverse(folder))
    # Whatever a tool raises is its result on this pair.
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        # Files by their names: where they lay on some machine tells nobody anything.
        text = re.sub(r"(?<!\S)/(?:[^/\s]+/)+", "", text)
        return [{**key, "label": None, "metric": ERROR, "value": text[:300]}]
    rows += rows_of({"seconds": seconds})
    return [{**key, **row} for row in rows]


def _kept(path, descriptions, run):
    """Rows of an earlier run that this one would only repeat."""
    if not (path.is_file() and path.with_suffix(".json").is_file()):
        return []
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    # The table names one commit and machine for all its rows, so it must be theirs.
    if any(record["run"].get(key) != run[key] for key in SAME):
        return []
    before = record["methods"]
    same = {name for name, text in descriptions.items() if before.get(name) == text}
    return [r for r in read_rows(path) if r["method"] in same and r["metric"] != ERROR]


def _facts(data, count, truth):
    """What the tables say of the data."""
    dataset = read_dataset(data)
    facts = {key: dataset.get(key, "") for key in ("title", "source", "licence")}
    facts = {"name": data.name, **facts, "pairs": count}
    if truth:
        facts["name"] += f"_{truth}"
        facts["title"] += f"; {TRUTHS[truth].title}"
        if TRUTHS[truth].success:
            facts["success"] = TRUTHS[truth].success
    return facts
