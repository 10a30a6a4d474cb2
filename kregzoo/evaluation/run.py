"""Run methods on the cases of a protocol, and write a table of the results."""

import dataclasses
import json
import pathlib
import re
import tempfile
import time

from kregzoo.evaluation.table import ERROR, Table, read_rows, write_rows
from kregzoo.protocols import HELD_OUT_PAIRS, rows_of
from kregzoo.training import read_dataset
from kregzoo.utils.files import atomic
from kregzoo.utils.progress import progress_bar
from kregzoo.utils.provenance import provenance

SAME = ("version", "commit", "machine", "backend")
# What must be the same to keep results of another commit, see `evaluate`.
SAME_MACHINE = ("machine", "backend")
# Number of the first cases that presets also register with the report.
REPORTED = 3


def evaluate(
    methods,
    data,
    folder,
    command="",
    count=None,
    protocol=HELD_OUT_PAIRS,
    progress=True,
    keep=False,
):
    """Run every method on every case of a protocol, from the raw files.

    Results in an existing table in `folder` are kept if they have the same versions of
    the methods, commit and machine. Failed cases are run again. A failure is recorded
    and does not stop the run.

    With `keep`, results that another commit measured are kept too, if the data, the
    methods' descriptions and the machine are the same. The table then records, for each
    such method, the run that measured it.

    Args:
        methods: list of `Method`.
        data: folder with a `dataset.json`.
        folder: folder of the tables: a CSV file, see `kregzoo.evaluation.table`, and a
            JSON file that describes the data and the methods.
        command: str. The command to record.
        count: int. Number of cases. Defaults to all.
        protocol: the `Protocol`, which names the table. Defaults to held-out pairs.
        progress: bool. Show a progress bar.
        keep: bool. Keep results of other commits.

    Returns:
        The `Table` measured.

    Raises:
        ValueError: If the data are not usable.
    """
    data, folder = pathlib.Path(data).resolve(), pathlib.Path(folder)
    with tempfile.TemporaryDirectory() as made:
        cases = protocol.make_cases(data, made, count)
        facts = _facts(data, cases, protocol)
        run = provenance(command)
        return _measured(methods, cases, facts, folder, run, progress, keep)


def _measured(methods, cases, facts, folder, run, progress, keep):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{facts['name']}.csv"
    descriptions = {method.name: method.description for method in methods}
    record = {"data": facts, "methods": descriptions, "run": run, "runs": {}}
    rows = _kept(path, record, keep)
    with atomic(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")
    done = {(row["pair"], row["method"]) for row in rows}
    with progress_bar(len(cases) * len(methods), progress, path.stem) as advance:
        for number, case in enumerate(cases):
            for method in methods:
                if (case.name, method.name) not in done:
                    rows += _rows_of_case(method, case, report=number < REPORTED)
                    write_rows(path, rows)
                advance()
    return Table.read(path)


def _rows_of_case(method, case, report):
    """Measure a method on a case; return one row with the error if it fails."""
    key = {"pair": case.name, "method": method.name}
    try:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            answer = case.run(method, pathlib.Path(folder))
            seconds = {"seconds": time.perf_counter() - start}
            rows = case.measure(answer)
        if report and method.run_with_report:
            seconds |= _seconds_with_report(method, case)
    # Record any error of a method as the result of this case.
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        # Store only the names of files, never local paths.
        text = re.sub(r"(?<!\S)/(?:[^/\s]+/)+", "", text)
        return [{**key, "label": None, "metric": ERROR, "value": text[:300]}]
    rows += rows_of(seconds)
    return [{**key, **row} for row in rows]


def _seconds_with_report(method, case):
    """Repeat a registration, now compiled, with the report; return its seconds."""
    reporting = dataclasses.replace(method, run=method.run_with_report)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = case.run(reporting, pathlib.Path(folder))
        seconds = {"seconds_report": time.perf_counter() - start}
    if "network" in result.seconds:
        seconds["seconds_network"] = result.seconds["network"]
    return seconds


def _kept(path, record, keep):
    """Return the rows of an earlier run that are still valid.

    If another commit measured them, add its run to `record["runs"]`.
    """
    if not (path.is_file() and path.with_suffix(".json").is_file()):
        return []
    before = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if keep and before["data"] != record["data"]:
        return []
    keys = SAME_MACHINE if keep else SAME
    valid = set()
    for name, description in record["methods"].items():
        run = before.get("runs", {}).get(name, before["run"])
        same = all(run.get(key) == record["run"][key] for key in keys)
        if same and before["methods"].get(name) == description:
            valid.add(name)
            if run["commit"] != record["run"]["commit"]:
                record["runs"][name] = run
    return [r for r in read_rows(path) if r["method"] in valid and r["metric"] != ERROR]


def _facts(data, cases, protocol):
    """Describe the data for the table."""
    dataset = read_dataset(data)
    facts = {key: dataset.get(key, "") for key in ("title", "source", "licence")}
    facts = {"name": protocol.table_name(data.name), **facts, "pairs": len(cases)}
    if protocol.title:
        facts["title"] += f"; {protocol.title}"
    if protocol.success:
        facts["success"] = protocol.success
    persons = {case.name: list(case.persons) for case in cases if case.persons}
    groups = {case.name: case.group for case in cases if case.group}
    return {**facts, "persons": persons, "groups": groups}
