"""`kregzoo register`: presets, methods without a network, and what it prints."""

import configparser
import csv
import importlib.metadata
import json
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo import cli
from kregzoo.cli import register
from kregzoo.registrars.checks import Checks
from kregzoo.registrars.classical import METHODS, METRICS
from kregzoo.spatial import AffineTransform, Image, read_transform
from tests.cli.small_files import contents, resampled_by_simpleitk
from tests.phantoms import Phantom, linear_map, mean_error, rotated_grid

ROOT = pathlib.Path(__file__).parents[2]
TRUTH = linear_map(2, degrees=8.0, shift=6.0)


@pytest.fixture
def landmarks(tmp_path, monkeypatch):
    """Landmarks of a phantom whose images lie in the working folder."""
    monkeypatch.chdir(tmp_path)
    phantom = Phantom(2, radius=45.0)
    phantom.image(rotated_grid((70, 64), 2.0, 25.0)).write("moving.nii.gz")
    phantom.image(rotated_grid((70, 68), 2.0, 0.0), TRUTH).write("fixed.nii.gz")
    return phantom.landmarks()


def test_the_choices_are_those_of_the_function():
    assert register.METHODS == tuple(METHODS)
    assert register.METRICS == tuple(METRICS)


def test_a_method_needs_no_network_and_its_result_is_printed(landmarks, capsys):
    words = "register moving.nii.gz fixed.nii.gz -o out --method rigid --metric ncc"
    assert cli.main(words.split()) == 0
    transform = read_transform("out/transform.h5")
    assert mean_error(transform, TRUTH, landmarks) < 1.0
    metrics = json.loads(pathlib.Path("out/metrics.json").read_text())
    assert set(metrics["seconds"]) >= {"rigid"} and "affine" not in metrics["seconds"]
    first, *rest = capsys.readouterr().out.splitlines()
    seconds = metrics["seconds"]["total"]
    assert first == (
        f"moving.nii.gz registered to fixed.nii.gz by rigid in {seconds:.1f} s"
    )
    (row,) = [line.split() for line in rest if line.startswith(" ncc")]
    assert row[1:] == [f"{metrics[name]:.4g}" for name in ("ncc_before", "ncc")]
    assert rest[-1] == "out/warped.nii.gz"


@pytest.mark.filterwarnings("error")
def test_reasons_not_to_trust_the_result_are_printed(landmarks, capsys, monkeypatch):
    monkeypatch.setattr(Checks, "warnings", lambda checks: ["It folds.", "It left."])
    words = "register moving.nii.gz fixed.nii.gz -o out --method rigid --metric ncc"
    assert cli.main(words.split()) == 0
    streams = capsys.readouterr()
    assert "warning: It folds.\nwarning: It left.\n" in streams.out
    assert "It folds" not in streams.err
    metrics = json.loads(pathlib.Path("out/metrics.json").read_text())
    assert metrics["warnings"] == ["It folds.", "It left."]
    assert "It left." in pathlib.Path("out/report.html").read_text(encoding="utf-8")


def test_register_writes_every_result(files, capsys):
    code = cli.main(
        "register moving.nii.gz fixed.nii.gz -o out --refine 7 "
        "--model voxelmorph_brain_t1 --labels labels.nii.gz --points points.csv".split()
    )
    assert code == 0
    printed = capsys.readouterr().out.splitlines()
    assert contents(files / "out") == {
        "warped.nii.gz",
        "transform.h5",
        "metrics.json",
        "report.html",
        "warped_labels.nii.gz",
        "warped_points.csv",
    }
    assert "by voxelmorph_brain_t1" in printed[0]
    listed = [line for line in printed if line.startswith("out/")]
    assert {line.removeprefix("out/") for line in listed} == contents(files / "out")
    metrics = json.loads((files / "out/metrics.json").read_text(encoding="utf-8"))
    assert metrics["seconds"]["total"] == 7
    labels = sitk.GetArrayFromImage(sitk.ReadImage("out/warped_labels.nii.gz"))
    expected = resampled_by_simpleitk("labels.nii.gz", sitk.sitkNearestNeighbor)
    np.testing.assert_array_equal(labels, expected)
    with open("out/warped_points.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["x", "y", "z"]
    moved = np.array(rows, "float64")
    np.testing.assert_allclose(moved, [[3, 0, 3], [-6.5, 4, 0]], atol=1e-6)


def test_images_that_do_not_overlap_are_said_not_to(landmarks, capsys):
    moving = Image.read("moving.nii.gz")
    away = AffineTransform([[1, 0, 500], [0, 1, 0], [0, 0, 1]])
    affine = away.matrix @ moving.grid.affine
    Image.from_array(moving.array, affine=affine).write("away.nii.gz")
    words = "register away.nii.gz fixed.nii.gz -o out --method rigid"
    assert cli.main(words.split()) == 0
    assert re.search(r"ncc +no overlap +0\.9\d", capsys.readouterr().out)


def test_pictures_of_unknown_pixel_size_are_measured_in_pixels(landmarks, capsys):
    for name in ("moving", "fixed"):
        array = Image.read(f"{name}.nii.gz").array
        Image.from_array((255 * array / array.max()).astype("uint8")).write(
            f"{name}.png"
        )
    words = "register moving.png fixed.png -o out --method rigid"
    assert cli.main(words.split()) == 0
    assert "lengths are in pixels" in capsys.readouterr().out
    report = pathlib.Path("out/report.html").read_text(encoding="utf-8")
    assert "lengths are in pixels" in report


@pytest.mark.parametrize(
    "words, message",
    [
        ("--method rigid --model m", "not allowed with"),
        ("--method elastic", "invalid choice: 'elastic'"),
        ("--method rigid --metric ssd", "invalid choice: 'ssd'"),
        ("--metric mi", "add --method"),
        ("--method rigid --refine 5", "`--refine` needs a preset"),
        ("--method rigid --passes 2", "`--passes` needs a preset"),
    ],
)
def test_contradicting_options_are_refused(landmarks, words, message, capsys):
    command = "register moving.nii.gz fixed.nii.gz -o out"
    try:
        code = cli.main([*command.split(), *words.split()])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    streams = capsys.readouterr()
    assert message in streams.err
    assert streams.err.count("\n") == 1 and not pathlib.Path("out").exists()


BLOCKED = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from kregzoo import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def core_distributions():
    """Names of the distributions of a plain install and of the backend in use."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    found = set()
    asked = config["options"]["install_requires"].split("\n")
    asked.append(keras.backend.backend())
    while asked:
        requirement = asked.pop().strip()
        if not requirement or requirement.startswith("#") or "extra ==" in requirement:
            continue
        name = re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")
        try:
            needed = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            # Only for another platform.
            continue
        if name not in found:
            found.add(name)
            asked += needed
    return found


@pytest.mark.slow
def test_a_plain_install_registers(landmarks):
    core = core_distributions()
    assert {"numpy", "keras", "matplotlib"} <= core and "nilearn" not in core
    absent = {
        module
        for module, names in importlib.metadata.packages_distributions().items()
        if not core & {name.lower().replace("_", "-") for name in names}
    } - {"kregzoo"}
    words = "register moving.nii.gz fixed.nii.gz -o out --method rigid".split()
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED.format(absent=absent), *words],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert pathlib.Path("out/report.html").is_file()
