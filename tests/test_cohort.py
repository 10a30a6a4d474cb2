"""Registration of many pairs, each once, even if processes die."""

import contextlib
import csv
import itertools
import json
import re
import subprocess
import sys
import threading

import numpy as np
import psutil
import pytest
import SimpleITK as sitk
from distributed import Client

from kregzoo import cli, cohort
from kregzoo.registrars.registration import Registration
from kregzoo.spatial import AffineTransform, Image
from kregzoo.training import read_dataset

SHIFT = np.array([[1.0, 0, 0, 4], [0, 1, 0, -2], [0, 0, 1, 0], [0, 0, 0, 1]])
MODEL = "dirnet_cardiac_cine"


class Shifting:
    """Registrar that records its inputs and fails on chosen pairs."""

    def __init__(self):
        self.calls = []
        self.failing = self.doubtful = ""

    def register(self, moving, fixed, passes, refine, progress):
        self.calls.append(moving)
        if self.failing and self.failing in moving:
            raise ValueError("no overlap\nat all")
        images = [Image.read(path) for path in (moving, fixed)]
        found = Registration(*images, AffineTransform(SHIFT), {"total": refine})
        if self.doubtful and self.doubtful in moving:
            found.warnings = ["It folds."]
        return found


@pytest.fixture
def registrar(monkeypatch):
    """Replace the network, and processes by a thread."""
    stand_in = Shifting()

    @contextlib.contextmanager
    def client(scheduler, workers):
        with Client(
            processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
        ) as own:
            yield own

    monkeypatch.setattr(cohort, "_client", client)
    monkeypatch.setattr(cohort, "_registrar", lambda preset: stand_in)
    return stand_in


@pytest.fixture
def table(tmp_path):
    """Write a table of three pairs, the second one with labels."""
    rng = np.random.default_rng(0)
    for name in ("sub-a_T1w", "sub-b_T1w", "c", "fixed"):
        array = rng.uniform(size=(12, 10, 8)).astype("float32")
        Image.from_array(array, affine=np.eye(4)).write(tmp_path / f"{name}.nii.gz")
    labels = rng.integers(0, 300, (12, 10, 8), dtype="int16")
    Image.from_array(labels, affine=np.eye(4)).write(tmp_path / "labels.nii.gz")
    return write_table(
        tmp_path / "pairs.csv",
        "moving,fixed,subject,session,labels",
        "sub-a_T1w.nii.gz,fixed.nii.gz,a,,",
        "sub-b_T1w.nii.gz,fixed.nii.gz,b,2,labels.nii.gz",
        "c.nii.gz,fixed.nii.gz,,,",
    )


def write_table(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def run(table, output, **options):
    pairs = cohort.read_cohort(table)
    return cohort.register_cohort(pairs, output, MODEL, progress=False, **options)


def written(output):
    return {str(p.relative_to(output)) for p in output.rglob("*") if p.is_file()}


def test_files_are_named_like_bids_derivatives(table, registrar, tmp_path):
    outcome = run(table, tmp_path / "out")
    assert (outcome.registered, outcome.present, outcome.failures) == (3, 0, {})
    assert written(tmp_path / "out") == {
        "dataset_description.json",
        "sub-a/sub-a_space-fixed_desc-warped_T1w.nii.gz",
        "sub-a/sub-a_from-moving_to-fixed_mode-image_xfm.h5",
        "sub-a/sub-a_from-moving_to-fixed_metrics.json",
        "sub-b/ses-2/sub-b_ses-2_space-fixed_desc-warped_T1w.nii.gz",
        "sub-b/ses-2/sub-b_ses-2_space-fixed_desc-warped_dseg.nii.gz",
        "sub-b/ses-2/sub-b_ses-2_from-moving_to-fixed_mode-image_xfm.h5",
        "sub-b/ses-2/sub-b_ses-2_from-moving_to-fixed_metrics.json",
        "sub-0003/sub-0003_space-fixed_desc-warped_image.nii.gz",
        "sub-0003/sub-0003_from-moving_to-fixed_mode-image_xfm.h5",
        "sub-0003/sub-0003_from-moving_to-fixed_metrics.json",
    }
    path = tmp_path / "out" / "dataset_description.json"
    description = json.loads(path.read_text())
    assert description["DatasetType"] == "derivative"


def test_results_are_those_of_the_pair(table, registrar, tmp_path):
    run(table, tmp_path / "out")
    folder = tmp_path / "out" / "sub-b" / "ses-2"
    transform = sitk.ReadTransform(next(folder.glob("*_xfm.h5")))
    fixed = sitk.ReadImage(tmp_path / "fixed.nii.gz")
    for source, ending, interpolator in (
        ("sub-b_T1w.nii.gz", "T1w", sitk.sitkLinear),
        ("labels.nii.gz", "dseg", sitk.sitkNearestNeighbor),
    ):
        moving = sitk.ReadImage(tmp_path / source)
        expected = sitk.Resample(moving, fixed, transform, interpolator)
        found = sitk.ReadImage(next(folder.glob(f"*_{ending}.nii.gz")))
        np.testing.assert_allclose(
            sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected), atol=1e-5
        )


def test_a_second_run_registers_the_missing_pairs(table, registrar, tmp_path):
    run(table, tmp_path / "out")
    next((tmp_path / "out" / "sub-a").glob("*_xfm.h5")).unlink()
    registrar.calls.clear()
    outcome = run(table, tmp_path / "out")
    assert (outcome.registered, outcome.present) == (1, 2)
    assert [path.endswith("sub-a_T1w.nii.gz") for path in registrar.calls] == [True]


def test_failures_are_retried_and_listed(table, registrar, tmp_path):
    registrar.failing = "sub-b"
    output = tmp_path / "out"
    outcome = run(table, output)
    assert outcome.registered == 2
    assert sum("sub-b" in path for path in registrar.calls) == 1 + cohort.RETRIES
    assert not (output / "sub-b").exists()
    with open(output / "failures.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["subject"], row["session"]) == ("b", "2")
    assert row["error"] == "no overlap at all"

    registrar.failing = ""
    assert run(table, output).registered == 1
    assert not (output / "failures.csv").exists()


def test_pairs_with_warnings_are_counted(table, registrar, tmp_path):
    registrar.doubtful = "sub-b"
    found = run(table, tmp_path / "out")
    assert (found.registered, found.warned) == (3, 1)
    assert "3 registered (1 with warnings) in" in str(found)


def test_a_folder_of_another_run_is_refused(table, registrar, tmp_path):
    run(table, tmp_path / "out")
    with pytest.raises(ValueError, match="--refine 0.*--refine 5"):
        run(table, tmp_path / "out", refine=5)


def test_an_unknown_preset_is_refused_before_a_file_is_written(table, tmp_path):
    pairs = cohort.read_cohort(table)
    with pytest.raises(ValueError, match="no_such_preset"):
        cohort.register_cohort(pairs, tmp_path / "out", "no_such_preset")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], "Received: none"),
        (["moving,target", "c.nii.gz,c.nii.gz"], "Received: moving, target"),
        (["moving,fixed,age", "c.nii.gz,c.nii.gz,3"], "Received: moving, fixed, age"),
        (["moving,fixed"], "one row per pair"),
        (["moving,fixed", "c.nii.gz,"], "Row 1 .* fixed=''"),
        (["moving,fixed", "c.nii.gz,gone.nii.gz"], "Row 1 .* fixed='gone.nii.gz'"),
        (["moving,fixed,subject", "c.nii.gz,c.nii.gz,sub-1"], "Row 1 .*'sub-1'"),
        (["moving,fixed,session", "c.nii.gz,c.nii.gz,../.."], "Row 1 .*'../..'"),
        (["moving,fixed,subject", *["c.nii.gz,c.nii.gz,1"] * 2], "than once: sub-1"),
    ],
)
def test_unusable_tables(table, lines, message):
    with pytest.raises(ValueError, match=message):
        cohort.read_cohort(write_table(table, *lines))


def test_the_command_tells_what_failed(table, registrar, tmp_path, capsys):
    registrar.failing = "sub-a"
    words = ["register-cohort", str(table), "-o", str(tmp_path / "out")]
    assert cli.main([*words, "--model", MODEL]) == 1
    printed = capsys.readouterr().out
    assert re.search(r"^2 registered in .* 0 were present, 1 failed$", printed, re.M)
    assert str(tmp_path / "out" / "failures.csv") in printed


def hearts(data_root):
    entries = read_dataset(data_root / "cardiac_cine")["train"][:200]
    return [(entry["moving"], entry["fixed"]) for entry in entries]


def brains(data_root):
    images = [e["image"] for e in read_dataset(data_root / "brain_t1")["train"]]
    return list(itertools.pairwise(images))[:12]


HEARTS, BRAINS = (MODEL, hearts), ("voxelmorph_brain_t1", brains)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("model", "read"), [HEARTS, pytest.param(*BRAINS, marks=pytest.mark.proof)]
)
def test_a_killed_process_loses_and_repeats_nothing(data_root, tmp_path, model, read):
    paths = read(data_root)
    lines = [f"{moving},{fixed}" for moving, fixed in paths]
    table = write_table(tmp_path / "pairs.csv", "moving,fixed", *lines)
    output = tmp_path / "out"
    with _command(table, output, model, workers=2) as run:
        done, killed, kept = threading.Event(), [], {}
        # Three files per pair, for a third of the pairs.
        midway = len(paths)
        arguments = (run.pid, output, midway, done, killed, kept)
        watch = threading.Thread(target=_watch, args=arguments)
        watch.start()
        printed, _ = run.communicate(timeout=600)
        done.set()
        watch.join()
    assert run.returncode == 0 and killed
    assert "0 failed" in printed
    pairs = cohort.read_cohort(table)
    assert len(pairs) == len(paths) and all(pair.present(output) for pair in pairs)
    for pair in pairs:
        files = pair.files(output)
        Image.read(files["warped"])
        sitk.ReadTransform(files["transform"])
        json.loads(files["metrics"].read_text())
    # Writing a pair again would replace its files.
    assert kept and all(_identity(path) == kept[path] for path in kept)


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.real_data
@pytest.mark.parametrize(("model", "read"), [HEARTS, BRAINS])
def test_two_processes_find_what_one_finds(data_root, tmp_path, model, read):
    lines = [f"{moving},{fixed}" for moving, fixed in read(data_root)]
    table = write_table(tmp_path / "pairs.csv", "moving,fixed", *lines)
    pairs = cohort.read_cohort(table)
    warped = {}
    for workers in (1, 2):
        output = tmp_path / f"by_{workers}"
        with _command(table, output, model, workers) as run:
            printed, _ = run.communicate(timeout=900)
        assert run.returncode == 0
        print(f"{model}, {workers} at a time: {printed.splitlines()[-1]}")
        warped[workers] = [
            Image.read(pair.files(output)["warped"]).array for pair in pairs
        ]
    for one, two in zip(*warped.values(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-3 * np.ptp(one))


def _command(table, output, model, workers):
    """Run `kregzoo register-cohort` in a process."""
    words = [sys.executable, "-m", "kregzoo.cli", "register-cohort", str(table)]
    words += ["-o", str(output), "--model", model, "--workers", str(workers)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def _watch(pid, output, midway, done, killed, kept):
    """Record complete files as they appear; kill a worker process after some."""
    while not done.wait(0.05):
        for path in output.glob("sub-*/sub-*"):
            with contextlib.suppress(FileNotFoundError):
                kept.setdefault(path, _identity(path))
        if not killed and len(kept) >= midway:
            worker = _workers(pid)[0]
            worker.kill()
            killed.append(worker.pid)


def _workers(pid):
    """Find the worker processes: the largest children of the command."""
    below = psutil.Process(pid).children(recursive=True)
    return sorted(below, key=lambda process: -process.memory_info().rss)[:2]


def _identity(path):
    return path.stat().st_ino, path.stat().st_mtime_ns
