"""The command line, as users and scripts run it."""

import csv
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo import __version__, cli, demo, zoo
from kregzoo.registrars.registration import Registration
from kregzoo.spatial import AffineTransform, Image

SHIFT = np.array([[1.0, 0, 0, 4], [0, 1, 0, -2], [0, 0, 1, 0], [0, 0, 0, 1]])
COMMANDS = (
    "list",
    "info",
    "register",
    "register-cohort",
    "run",
    "warp",
    "train",
    "evaluate",
    "compare",
    "benchmark",
    "portability",
    "demo",
    "app",
)


class Shifting:
    """Registrar in place of a network, which returns a fixed shift in mm."""

    def register(self, moving, fixed, refine):
        return Registration(moving, fixed, AffineTransform(SHIFT), {"total": refine})


@dataclasses.dataclass
class Record:
    name: str = "some_preset"
    system: str = "voxelmorph"
    chapter: str = "5.1"
    reference: str = "Somebody"
    task: str = "register"
    predicts: str = "displacement"
    ndim: int = 3
    modalities: tuple = ("MR", "MR")
    images: str = "MR, brains"
    data: str = "brains"
    licence: str = "CC0"
    figures: dict = dataclasses.field(default_factory=dict)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Make a working folder with images, labels, landmarks and a transform."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo, "load", lambda name, task=None: Shifting(), raising=False)
    rng = np.random.default_rng(0)
    affine = np.diag([-2.0, 2.0, 2.5, 1.0])
    for name in ("moving", "fixed"):
        array = rng.uniform(size=(12, 10, 8)).astype("float32")
        Image.from_array(array, affine=affine).write(f"{name}.nii.gz")
    labels = rng.integers(0, 300, (12, 10, 8), dtype="int16")
    Image.from_array(labels, affine=affine).write("labels.nii.gz")
    # The header names the axes: in RAS the points are (-1, 2, 3) and (-10.5, 6, 0).
    (tmp_path / "points.csv").write_text("l,p,s\n1,-2,3\n10.5,-6,0\n")
    AffineTransform(SHIFT).save("shift.tfm")
    return tmp_path


def contents(folder):
    return {path.name for path in folder.rglob("*")}


def resampled_by_simpleitk(image, interpolator):
    transform = sitk.ReadTransform("shift.tfm")
    moving, fixed = (sitk.ReadImage(name) for name in (image, "fixed.nii.gz"))
    return sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, interpolator))


def test_register_writes_every_result(files, capsys):
    code = cli.main(
        "register moving.nii.gz fixed.nii.gz -o out --refine 7 "
        "--labels labels.nii.gz --points points.csv".split()
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


@pytest.mark.parametrize("option", [[], ["--nearest"]])
def test_warp_agrees_with_simpleitk(files, option):
    words = ["moving.nii.gz", "shift.tfm", "--like", "fixed.nii.gz", "-o", "w.nii.gz"]
    assert cli.main(["warp", *words, *option]) == 0
    interpolator = sitk.sitkNearestNeighbor if option else sitk.sitkLinear
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(sitk.ReadImage("w.nii.gz")),
        resampled_by_simpleitk("moving.nii.gz", interpolator),
        atol=1e-5,
    )


@pytest.mark.parametrize("option", [[], ["--nearest"], ["--linear"]])
def test_warp_keeps_what_looks_like_labels(files, option, capsys):
    rng = np.random.default_rng(0)
    regions = np.kron(rng.integers(0, 900, (3, 5, 4)), np.ones((4, 2, 2), "int16"))
    affine = np.diag([-2.0, 2.0, 2.5, 1.0])
    Image.from_array(regions, affine=affine).write("regions.nii.gz")
    words = ["regions.nii.gz", "shift.tfm", "--like", "fixed.nii.gz", "-o", "w.nii.gz"]
    assert cli.main(["warp", *words, *option]) == 0
    linear = option == ["--linear"]
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(sitk.ReadImage("w.nii.gz")),
        resampled_by_simpleitk(
            "regions.nii.gz", sitk.sitkLinear if linear else sitk.sitkNearestNeighbor
        ),
        atol=1e-2,
    )
    told = "regions.nii.gz looks like a map of labels" in capsys.readouterr().err
    assert told == (not option)


BAD = {
    "no such file": "register moving.nii.gz nowhere.nii.gz -o out",
    "not an image": "register text.nii.gz fixed.nii.gz -o out",
    "folder taken": "register moving.nii.gz fixed.nii.gz -o text.nii.gz",
    "no such labels": "register moving.nii.gz fixed.nii.gz -o out --labels no.nii.gz",
    "not a transform": "warp moving.nii.gz text.nii.gz --like fixed.nii.gz -o w.nii.gz",
    "unknown format": "warp moving.nii.gz shift.tfm --like fixed.nii.gz -o w.docx",
    "no such folder": "warp moving.nii.gz shift.tfm --like fixed.nii.gz -o no/w.nii.gz",
    "no such points": "register moving.nii.gz fixed.nii.gz -o out --points no.csv",
    "points of words": "register moving.nii.gz fixed.nii.gz -o out --points a.txt",
    "points of NaN": "register moving.nii.gz fixed.nii.gz -o out --points nan.csv",
    "negative steps": "register moving.nii.gz fixed.nii.gz -o out --refine -3",
    "no output": "register moving.nii.gz fixed.nii.gz",
    "no command": "",
    "unknown command": "segment moving.nii.gz",
    "unknown preset": "info no_such_preset",
    "unknown system": "train nothing --data . --out out",
}


@pytest.mark.parametrize("words", BAD.values(), ids=BAD.keys())
def test_bad_input_gives_one_line_and_leaves_no_files(files, capfd, words):
    for name in ("text.nii.gz", "a.txt"):
        (files / name).write_text("not a picture,\nat all\n")
    (files / "nan.csv").write_text("1,2,3\n1,nan,3\n")
    before = contents(files)
    try:
        code = cli.main(words.split())
    except SystemExit as stop:
        code = stop.code
    streams = capfd.readouterr()
    assert code == 2
    assert streams.err.startswith("kregzoo") and streams.err.count("\n") == 1
    assert streams.out == ""
    assert contents(files) == before


def test_a_process_hides_the_messages_of_the_backend(tmp_path):
    code = "import kregzoo.cli as c; exit(c.main())"
    words = ["register", "no.nii.gz", "no.nii.gz", "-o", "out"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1 and b"no.nii.gz" in done.stderr
    assert not contents(tmp_path)


def test_list_prints_a_table_or_json(monkeypatch, capsys):
    asked = []

    def list_models(*filters):
        asked.append(filters)
        return [Record(modalities=["MR", "US"])]

    monkeypatch.setattr(zoo, "list_models", list_models, raising=False)
    assert cli.main(["list", "--json"]) == 0
    expected = dataclasses.asdict(Record(modalities=["MR", "US"]))
    assert json.loads(capsys.readouterr().out) == [expected]
    assert cli.main(["list", "--ndim", "3", "--modality", "US"]) == 0
    assert asked == [(None, None), (3, "US")]
    assert "some_preset" in capsys.readouterr().out


def test_train_and_demo_pass_on_their_options(files, monkeypatch):
    asked = []
    monkeypatch.setattr(zoo, "train", lambda *a: asked.append(a) or Record())
    monkeypatch.setattr(Record, "folder", "out", raising=False)
    monkeypatch.setattr(demo, "run", lambda *a: asked.append(a))
    words = "train voxelmorph --data d --out out --scale published --steps 9 --seed 2"
    words += " --recipe r --initial p"
    assert cli.main(words.split()) == 0
    assert cli.main("demo -o here --model m --seed 3 --refine 4".split()) == 0
    train, run = asked
    assert train[:2] == ("voxelmorph", "d")
    assert train[3:] == ("published", 9, 2, "r", "p")
    assert [str(train[2]), str(run[0])] == ["out", "here"]
    assert run[1:] == ("m", 3, 4)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_argument(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: kregzoo {command}" in text
    if command != "list":
        assert f"example:\n  kregzoo {command}" in text.replace("examples:", "example:")


def test_help_lists_the_commands_and_version_is_the_package_s(capsys):
    for words, expected in (["--help"], COMMANDS), (["--version"], [__version__]):
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        assert stop.value.code == 0
        text = capsys.readouterr().out
        assert all(word in text for word in expected)


def test_evaluate_measures_and_compare_compares(
    known_data, tmp_path, capsys, monkeypatch
):
    from kregzoo.evaluation import selection
    from kregzoo.evaluation.baselines import registry
    from kregzoo.protocols import HELD_OUT_PAIRS
    from tests.known_data import Shift, method

    parts = {"good": 1.0, "bad": 0.2}

    def presets(name, protocol, refine):
        assert refine == 3 and protocol is HELD_OUT_PAIRS
        return [method(name, Shift(parts[name]), weights="abc")]

    monkeypatch.setattr(registry, "preset_methods", presets)
    monkeypatch.setattr(selection, "_declared_by_preset", lambda name: [HELD_OUT_PAIRS])
    monkeypatch.chdir(tmp_path)
    words = f"evaluate good --data {known_data} --baselines iterative-affine --refine 3"
    assert cli.main([*words.split(), "--out", "out"]) == 0
    assert contents(tmp_path / "out") >= {"RESULTS.md", "known.csv", "known_dice.png"}
    printed = capsys.readouterr().out
    assert "good" in printed and "iterative-affine" in printed
    results = (tmp_path / "out" / "RESULTS.md").read_text(encoding="utf-8")
    command = (
        f"kregzoo evaluate good --data {known_data.name} --baselines iterative-affine"
    )
    assert (
        f"{command} --refine 3 --out OUT" in results and str(known_data) not in results
    )

    parts["good"] = 0.2
    assert cli.main([*words.split(), "--out", "worse"]) == 0
    tables = ["out/results/known.csv", "worse/results/known.csv"]
    assert cli.main(["compare", *tables]) == 1
    captured = capsys.readouterr()
    assert "worse" in captured.out and "1 worse" not in captured.out
    assert cli.main(["compare", *tables, "--tolerance", "50"]) == 1
    tolerances = ["--tolerance", "50", "--tolerance-mm", "50"]
    assert cli.main(["compare", *tables, *tolerances]) == 0
    assert cli.main(["compare", *tables[::-1]]) == 0


def test_evaluate_names_what_is_wrong(tmp_path, capsys, known_data):
    assert cli.main(["evaluate", "--data", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert "dataset.json" in capsys.readouterr().err
    words = f"evaluate --data {known_data} --baselines ant -o {tmp_path / 'out'}"
    assert cli.main(words.split()) == 2
    assert "Received: ant" in capsys.readouterr().err
    words = f"evaluate --data {known_data} --record --pairs 2 -o {tmp_path / 'out'}"
    assert cli.main(words.split()) == 2
    assert "--record with --pairs 2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_benchmark_prints_and_writes_what_was_asked(tmp_path, capsys):
    path = tmp_path / "speed.json"
    words = ["benchmark", "--only", "load", "--rounds", "2", "-o", str(path)]
    assert cli.main(words) == 0
    assert "load" in capsys.readouterr().out
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["run"]["command"] == "kregzoo benchmark --rounds 2 --only load"
    assert len(record["benchmarks"][0]["implementations"][0]["seconds"]) == 2
    assert cli.main(["benchmark", "--only", "nothing"]) == 2
    assert "nothing" in capsys.readouterr().err
