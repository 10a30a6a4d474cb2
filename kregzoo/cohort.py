"""Registration of cohorts: thousands of pairs, in several processes or on a cluster.

Dask distributes the pairs over processes of this machine, or over the workers of a
scheduler. On the workers, kregzoo must be installed and the files must have the same
paths. The output files are named as BIDS derivatives.
"""

import collections
import contextlib
import csv
import dataclasses
import functools
import json
import os
import pathlib
import re
import time
import warnings

from kregzoo import __version__
from kregzoo.utils.extras import import_extra
from kregzoo.utils.files import as_path, atomic, atomic_folder
from kregzoo.utils.progress import progress_bar

COLUMNS = ("moving", "fixed", "subject", "session", "labels")
DESCRIPTION = "dataset_description.json"
FAILURES = "failures.csv"
BIDS_VERSION = "1.10.0"
RETRIES = 2


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two images to register, as given in a row of the table.

    Args:
        moving: str. Path of the moving image.
        fixed: str. Path of the fixed image.
        subject: str of letters and digits.
        session: str of letters and digits, or empty.
        labels: str. Path of a label map of the moving image, or empty.
    """

    moving: str
    fixed: str
    subject: str
    session: str = ""
    labels: str = ""

    @property
    def name(self):
        """BIDS entities of the pair, for example `sub-01_ses-2`."""
        return f"sub-{self.subject}" + f"_ses-{self.session}" * bool(self.session)

    def files(self, output):
        """Return the paths of the files of the registration.

        Args:
            output: `pathlib.Path` of the folder of the cohort.

        Returns:
            Dict of `warped`, `transform`, `metrics` and, with labels, `labels`.
        """
        folder = output.joinpath(*self.name.split("_"))
        warped = f"{self.name}_space-fixed_desc-warped"
        both = f"{self.name}_from-moving_to-fixed"
        files = {
            "warped": folder / f"{warped}_{_suffix(self.moving)}.nii.gz",
            "transform": folder / f"{both}_mode-image_xfm.h5",
            "metrics": folder / f"{both}_metrics.json",
        }
        if self.labels:
            files["labels"] = folder / f"{warped}_dseg.nii.gz"
        return files

    def present(self, output):
        """Check if all files of the registration exist."""
        return all(path.is_file() for path in self.files(output).values())


@dataclasses.dataclass(frozen=True)
class CohortSummary:
    """Summary of the registration of a cohort.

    Args:
        registered: int. Pairs that were registered.
        present: int. Pairs whose files already existed.
        failures: dict of error messages by `Pair`.
        warned: int. Registered pairs whose `metrics.json` has `warnings`.
        seconds: float. Duration of the registration of all pairs.
    """

    registered: int
    present: int
    failures: dict
    warned: int
    seconds: float

    def __str__(self):
        rate = 60 * self.registered / max(self.seconds, 1e-9)
        warned = f" ({self.warned} with warnings)" if self.warned else ""
        return (
            f"{self.registered} registered{warned} in {self.seconds:.1f} s ({rate:.1f} "
            f"per minute), {self.present} were present, {len(self.failures)} failed"
        )


def read_cohort(path):
    """Read a table of pairs.

    Args:
        path: CSV file with the columns `moving` and `fixed`, and optionally `subject`
            and `session`, of letters and digits, and `labels` of the moving image.
            Paths are relative to the folder of the table. By default subjects are
            numbered.

    Returns:
        List of `Pair`.

    Raises:
        ValueError: If the table has other columns or is empty, a file does not exist, a
            name is not a BIDS label, or two rows have the same name.
    """
    path = as_path(path)
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="")
        columns = tuple(reader.fieldnames or ())
        rows = list(reader)
    if not {"moving", "fixed"} <= set(columns) or not set(columns) <= set(COLUMNS):
        raise ValueError(
            f"{str(path)!r} must have the columns moving and fixed, and may have "
            f"subject, session and labels. Received: {', '.join(columns) or 'none'}"
        )
    if not rows:
        raise ValueError(f"{str(path)!r} must have one row per pair. Received: none")
    pairs = [_pair(path, number, row) for number, row in enumerate(rows, start=1)]
    counts = collections.Counter(pair.name for pair in pairs)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise ValueError(
            f"Each row of {str(path)!r} must have a different subject or session. "
            f"Received more than once: {', '.join(twice)}"
        )
    return pairs


def register_cohort(
    pairs,
    output,
    preset,
    passes=None,
    refine=0,
    scheduler=None,
    workers=None,
    progress=True,
    announce=print,
):
    """Register many pairs, each once, in several processes.

    Each process loads the preset once. The files of a pair appear when all are
    complete. Pairs whose files exist are not registered again, so that a second call
    resumes an interrupted run. Failed pairs are retried, and listed in `failures.csv`
    if they fail again. If a process dies, another one registers its pair.

    Args:
        pairs: list of `Pair`.
        output: path of the folder to write to.
        preset: str. Name or folder of a preset.
        passes: int. Passes of the network. Defaults to those of the preset.
        refine: int. Steps of refinement on each pair.
        scheduler: str. Address of a Dask scheduler. Defaults to processes of this
            machine, which end with the call; a script must then call the function
            under `if __name__ == "__main__":`.
        workers: int. Processes of this machine. Defaults to one per core.
        progress: bool. Show a progress bar.
        announce: callable that receives the address of the dashboard.

    Returns:
        A `CohortSummary`.

    Raises:
        ImportError: If Dask is not installed (`pip install "kregzoo[cohort]"`).
        ValueError: If the preset is unknown, or `output` contains results of another
            preset, or number of passes or refinement steps.
    """
    from kregzoo.presets.preset import find_preset

    find_preset(preset)
    output = as_path(output).absolute()
    words = ["kregzoo register-cohort --model", preset]
    words += [f"--passes {passes}"] if passes else []
    _describe(output, " ".join([*words, f"--refine {refine}"]))
    todo = [pair for pair in pairs if not pair.present(output)]
    start, failures = time.perf_counter(), {}
    if todo:
        with _client(scheduler, workers) as client:
            announce(f"dashboard: {client.dashboard_link}")
            work = functools.partial(
                register_pair,
                output=output,
                preset=preset,
                passes=passes,
                refine=refine,
            )
            failures = _collect(client, work, todo, progress)
    seconds = time.perf_counter() - start
    _write_failures(output / FAILURES, failures)
    done = [pair for pair in todo if pair not in failures]
    warned = sum(_has_warnings(pair.files(output)["metrics"]) for pair in done)
    present = len(pairs) - len(todo)
    return CohortSummary(len(done), present, failures, warned, seconds)


def register_pair(pair, output, preset, passes, refine):
    """Register one pair and write the files, unless they exist.

    Args:
        pair: `Pair`.
        output: `pathlib.Path` of the folder of the cohort.
        preset: str. Name or folder of a preset, which is loaded once per process.
        passes: int. Passes of the network, or None for those of the preset.
        refine: int. Steps of refinement.
    """
    from kregzoo.registrars import RegistrationWarning

    # If a process dies, Dask repeats the pairs that it had completed, too.
    if pair.present(output):
        return
    registrar = _registrar(preset)
    with warnings.catch_warnings(action="ignore", category=RegistrationWarning):
        result = registrar.register(
            pair.moving, pair.fixed, passes=passes, refine=refine, progress=False
        )
    files = pair.files(output)
    with atomic_folder(files["warped"].parent) as folder:
        result.warped.write(folder / files["warped"].name)
        result.world_transform.save(folder / files["transform"].name)
        metrics = {"moving": pair.moving, "fixed": pair.fixed, **result.metrics}
        text = json.dumps(metrics, indent=2) + "\n"
        (folder / files["metrics"].name).write_text(text, encoding="utf-8")
        if pair.labels:
            labels = result.apply(pair.labels, interpolation="nearest")
            labels.write(folder / files["labels"].name)


def _has_warnings(path):
    return bool(json.loads(path.read_text(encoding="utf-8"))["warnings"])


@functools.cache
def _registrar(preset):
    from kregzoo import zoo

    return zoo.load(preset, task="register")


def _pair(path, number, row):
    """Make the `Pair` of a row, with absolute paths, and check the files."""
    row = {name: (row.get(name) or "").strip() for name in COLUMNS}
    files = {}
    for column in ("moving", "fixed", "labels"):
        file = path.parent.absolute() / as_path(row[column])
        if not file.is_file() and (row[column] or column != "labels"):
            raise ValueError(
                f"Row {number} of {str(path)!r} must name files. Received: "
                f"{column}={row[column]!r}"
            )
        files[column] = str(file) if row[column] else ""
    names = {"subject": row["subject"] or f"{number:04d}", "session": row["session"]}
    for column, name in names.items():
        if not re.fullmatch("[0-9A-Za-z]*", name):
            raise ValueError(
                f"Row {number} of {str(path)!r} must have a {column} of only letters "
                f"and digits, without sub- and ses-. Received: {name!r}"
            )
    return Pair(**files, **names)


def _suffix(path):
    """Return the BIDS suffix of a file name, for example `T1w`."""
    name = pathlib.Path(path).name.split(".")[0]
    known = re.fullmatch(r"sub-.*_([0-9A-Za-z]+)", name)
    return known[1] if known else "image"


def _describe(output, command):
    """Write the description of the folder, or raise if another run wrote to it."""
    path = output / DESCRIPTION
    if path.exists():
        text = path.read_text(encoding="utf-8")
        try:
            made_by = json.loads(text)["GeneratedBy"][0]["Description"]
        except (ValueError, LookupError, TypeError):
            made_by = "something else"
        if made_by != command:
            raise ValueError(
                f"{str(output)!r} contains results of `{made_by}`; choose another "
                f"folder. Received: `{command}`"
            )
        return
    output.mkdir(parents=True, exist_ok=True)
    generator = {"Name": "kregzoo", "Version": __version__, "Description": command}
    description = {
        "Name": "Registrations by kregzoo",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generator],
    }
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _client(scheduler, workers):
    """Connect to the scheduler, or start processes that end with the context."""
    dask = import_extra("distributed", "A cohort", "cohort")
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            scheduler = stack.enter_context(dask.LocalCluster(**_own_cluster(workers)))
        yield stack.enter_context(dask.Client(scheduler))


def _own_cluster(workers):
    cores = os.cpu_count()
    workers = workers or cores
    threads = str(max(1, cores // workers))
    return {
        "n_workers": workers,
        "threads_per_worker": 1,
        # By default Dask pauses, then kills a process that uses its share of memory.
        "memory_limit": 0,
        "dashboard_address": "127.0.0.1:0",
        "env": {"TF_NUM_INTRAOP_THREADS": threads, "OMP_NUM_THREADS": threads},
    }


def _collect(client, work, pairs, progress):
    """Run the registrations and return the errors of those that failed."""
    from distributed import as_completed

    failures = {}
    # Not pure, so that the scheduler does not return the result of an earlier call.
    futures = client.map(work, pairs, pure=False, retries=RETRIES)
    pair_of = dict(zip([future.key for future in futures], pairs, strict=True))
    with progress_bar(len(pairs), progress) as advance:
        for future in as_completed(futures):
            if future.status != "finished":
                error = future.exception()
                failures[pair_of[future.key]] = " ".join(str(error).split())
            advance()
    return failures


def _write_failures(path, failures):
    if not failures:
        path.unlink(missing_ok=True)
        return
    with (
        atomic(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, "error"])
        for pair, error in failures.items():
            writer.writerow([*(getattr(pair, name) for name in COLUMNS), error])
