"""Registering cohorts: thousands of pairs, in several processes or on a cluster.

Dask distributes the pairs: over processes of this machine, or over the workers of any
scheduler, on which kregzoo must be installed and the files lie at the same paths. What
is written follows the names of BIDS derivatives.
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
    """Two images to register, as a row of the table names them.

    Args:
        moving: str, path of the image to align.
        fixed: str, path of the image to align it to.
        subject: str of letters and digits.
        session: str likewise, or empty.
        labels: str, path of a label map of the moving image, or empty.
    """

    moving: str
    fixed: str
    subject: str
    session: str = ""
    labels: str = ""

    @property
    def name(self):
        """The BIDS entities of the pair, such as `sub-01_ses-2`."""
        return f"sub-{self.subject}" + f"_ses-{self.session}" * bool(self.session)

    def files(self, output):
        """Paths of what its registration writes.

        Args:
            output: `pathlib.Path` of the cohort's folder.

        Returns:
            dict of `warped`, `transform`, `metrics` and, with labels, `labels`.
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
        """Whether all that its registration writes is there."""
        return all(path.is_file() for path in self.files(output).values())


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a cohort.

    Args:
        registered: int. Pairs that were registered.
        present: int. Pairs whose files were there already.
        failures: dict from `Pair` to the error's text.
        seconds: float, from the first pair handed out to the last one's end.
    """

    registered: int
    present: int
    failures: dict
    seconds: float

    def __str__(self):
        rate = 60 * self.registered / max(self.seconds, 1e-9)
        return (
            f"{self.registered} registered in {self.seconds:.1f} s ({rate:.1f} a "
            f"minute), {self.present} were present, {len(self.failures)} failed"
        )


def read_cohort(path):
    """Read a table of pairs.

    Args:
        path: CSV file with the columns `moving` and `fixed`, paths from the table's
            folder, and, if wanted, `subject` and `session`, of letters and digits (by
            default subjects are numbered), and `labels` of the moving image.

    Returns:
        list of `Pair`.

    Raises:
        ValueError: for other columns, an empty table, a path that is no file, a name
            that is no BIDS label, or two rows of one name.
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
        raise ValueError(f"{str(path)!r} must hold a row a pair. Received: none")
    pairs = [_pair(path, number, row) for number, row in enumerate(rows, start=1)]
    counts = collections.Counter(pair.name for pair in pairs)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise ValueError(
            f"Each row of {str(path)!r} must have its own subject and session. "
            f"Received more than once: {', '.join(twice)}"
        )
    return pairs


def register_cohort(
    pairs,
    output,
    preset,
    refine=0,
    scheduler=None,
    workers=None,
    progress=True,
    announce=print,
):
    """Register many pairs, each once, on several processes.

    Each process loads the preset once. A pair's files appear when all are complete, and
    a pair whose files are there is not registered again, so that a run that was killed
    goes on. What fails is tried again, and then listed in `failures.csv`. A pair whose
    process dies goes to another one.

    Args:
        pairs: list of `Pair`.
        output: path of the folder to write to.
        preset: str, name or folder of a preset.
        refine: int. Steps of refinement on each pair.
        scheduler: str, address of a Dask scheduler; None for processes of this machine,
            started and ended here. A script that calls this without one must do so
            under `if __name__ == "__main__":`.
        workers: int. Processes of this machine; by default one a core.
        progress: bool. Show a progress bar.
        announce: callable that is given the address of the dashboard.

    Returns:
        An `Outcome`.

    Raises:
        ImportError: without Dask (`pip install "kregzoo[cohort]"`).
        ValueError: for an unknown preset, or when `output` holds what another preset
            or refinement wrote.
    """
    from kregzoo.presets.preset import find_preset

    find_preset(preset)
    output = as_path(output).absolute()
    _describe(output, f"kregzoo register-cohort --model {preset} --refine {refine}")
    todo = [pair for pair in pairs if not pair.present(output)]
    start, failures = time.perf_counter(), {}
    if todo:
        with _client(scheduler, workers) as client:
            announce(f"dashboard: {client.dashboard_link}")
            work = functools.partial(
                register_pair, output=output, preset=preset, refine=refine
            )
            failures = _collect(client, work, todo, progress)
    seconds = time.perf_counter() - start
    _write_failures(output / FAILURES, failures)
    registered = len(todo) - len(failures)
    return Outcome(registered, len(pairs) - len(todo), failures, seconds)


def register_pair(pair, output, preset, refine):
    """Register one pair and write its files, unless they are there.

    Args:
        pair: `Pair`.
        output: `pathlib.Path` of the cohort's folder.
        preset: str, name or folder of a preset, which is loaded once a process.
        refine: int. Steps of refinement.
    """
    # A pair that was done when its process died is handed out again.
    if pair.present(output):
        return
    result = _registrar(preset).register(
        pair.moving, pair.fixed, refine=refine, progress=False
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


@functools.cache
def _registrar(preset):
    from kregzoo import zoo

    return zoo.load(preset, task="register")


def _pair(path, number, row):
    """The `Pair` of a row, its paths made absolute and checked."""
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
                f"Row {number} of {str(path)!r} must have a {column} of letters and "
                f"digits alone, without sub- and ses-. Received: {name!r}"
            )
    return Pair(**files, **names)


def _suffix(path):
    """What a BIDS file's name says that it is, such as `T1w`."""
    name = pathlib.Path(path).name.split(".")[0]
    known = re.fullmatch(r"sub-.*_([0-9A-Za-z]+)", name)
    return known[1] if known else "image"


def _describe(output, command):
    """Write what the folder is, unless it is another run's."""
    path = output / DESCRIPTION
    if path.exists():
        text = path.read_text(encoding="utf-8")
        try:
            made_by = json.loads(text)["GeneratedBy"][0]["Description"]
        except (ValueError, LookupError, TypeError):
            made_by = "something else"
        if made_by != command:
            raise ValueError(
                f"{str(output)!r} holds what `{made_by}` wrote; choose another folder. "
                f"Received: `{command}`"
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
    """A client of the scheduler, or of processes that end with it."""
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
        # Else a process that nears its share of the memory is paused and then killed.
        "memory_limit": 0,
        "dashboard_address": "127.0.0.1:0",
        "env": {"TF_NUM_INTRAOP_THREADS": threads, "OMP_NUM_THREADS": threads},
    }


def _collect(client, work, pairs, progress):
    """Hand out the pairs; give the errors of those that failed."""
    from distributed import as_completed

    failures = {}
    # Not pure: else a scheduler that knows the same call from before answers for it.
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
