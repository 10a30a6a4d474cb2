"""The code on the pages of the documentation runs and gives the stated results."""

import doctest
import pathlib
import re
import shlex

import numpy as np
import pytest

from kregzoo import cli
from kregzoo.spatial import AffineTransform, Image, read_transform
from tests.phantoms import Phantom, mean_error, rotated_grid, wave

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def error(tmp_path, monkeypatch):
    """Write the files of the page, and return a function for the mean error."""
    monkeypatch.chdir(tmp_path)
    phantom = Phantom(3, radius=65.0, count=80)
    grid = rotated_grid((60, 60, 60), 3.0, 8.0)
    moving = phantom.image(grid)
    moving.write("moving.nii.gz")
    truth = wave(3, amplitude=4.0, length=140.0)
    phantom.image(grid, truth).write("fixed.nii.gz")
    labels = (moving.array > np.median(moving.array)).astype("uint8")
    Image(labels, grid).write("moving_labels.nii.gz")
    table = "moving,fixed,subject,session\nmoving.nii.gz,fixed.nii.gz,01,1\n"
    (tmp_path / "pairs.csv").write_text(table)
    return lambda transform: mean_error(transform, truth, phantom.landmarks())


def run(name):
    """Run the Python and the `kregzoo` commands of a page, from top to bottom."""
    text = (ROOT / name).read_text(encoding="utf-8")
    names = {}
    for language, code in re.findall(r"```(python|console)\n(.*?)```", text, re.S):
        if language == "python":
            exec(compile(code, name, "exec"), names)
        for line in code.replace("\\\n", "").splitlines():
            if language == "console" and line.startswith("kregzoo "):
                assert cli.main(shlex.split(line)[1:]) == 0
    return names


@pytest.mark.slow
def test_how_to_start(error, capsys):
    names = run("docs/start.md")
    result, refined = names["result"], names["refined"]
    before = error(AffineTransform(np.eye(4)))
    assert error(refined.transform) < error(result.transform) < before
    # Python and the command line, and kregzoo and ITK, give the same results.
    labels = Image.read("labels_again.nii.gz")
    np.testing.assert_array_equal(labels.array, names["labels"].array)
    theirs = names["sitk"].GetArrayFromImage(names["warped"]).T
    assert np.mean(np.abs(theirs - result.warped.array) > 1e-2) < 1e-3
    printed = capsys.readouterr().out
    assert "report.html" in printed and "1 registered" in printed
    assert names["path"].is_dir()
    name = "sub-01_ses-1_from-moving_to-fixed_mode-image_xfm.h5"
    many = read_transform(f"cohort/sub-01/ses-1/{name}")
    assert error(many) == pytest.approx(error(result.transform), abs=1e-3)
    points = names["in_moving"]
    for transform in (names["transform"], names["again"]):
        np.testing.assert_allclose(
            transform.apply_points(points), result.apply_points(points), atol=1e-3
        )


def test_conventions():
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "conventions.md"), module_relative=False
    )
    assert tried > 0
    assert failed == 0
