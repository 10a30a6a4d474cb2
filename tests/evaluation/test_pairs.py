import io
import json

import numpy as np
import pytest

from kregzoo import evaluation
from kregzoo.registrars import Registration
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Grid,
    Image,
)
from tests.helpers import random_field
from tests.phantoms import Phantom

SHIFT = np.array([[1.0, 0, 0, 6], [0, 1, 0, -3], [0, 0, 1, 0], [0, 0, 0, 1]])


class Known:
    """Stands for a registrar: half of the shift by centres, half as an affine."""

    def register(self, moving, fixed, refine=0, progress=True):
        moving, fixed = Image.read(moving), Image.read(fixed)
        half = np.eye(4)
        half[:3, 3] = SHIFT[:3, 3] / 2
        # Without refinement the deformable part is rough.
        amplitude = 0.0 if refine else 1.5
        field = random_field(1, fixed.grid.shape, amplitude)
        deformable = DisplacementTransform(field[0], fixed.grid)
        parts = [deformable, AffineTransform(half), AffineTransform(half)]
        return Registration(moving, fixed, CompositeTransform(parts), {"total": 1.0})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two held-out pairs whose labels a shift of whole voxels aligns."""
    folder = tmp_path_factory.mktemp("data")
    grid = Grid.centred((24, 22, 20), 3.0)
    records = []
    for seed in range(2):
        phantom = Phantom(3, radius=20.0, seed=seed)
        record = {}
        for role, offset in (("moving", 0.0), ("fixed", SHIFT[:3, 3])):
            image = phantom.image(grid, lambda points, o=offset: points + o)
            labels = np.digitize(image.array, (0.3, 0.8)).astype("int16")
            labels[0, 0, 0] = 5 if role == "moving" else 7  # not in both
            names = f"{role}{seed}.nii.gz", f"{role}{seed}_label.nii.gz"
            image.write(folder / names[0])
            Image(labels, grid).write(folder / names[1])
            record |= {role: names[0], f"{role}_label": names[1]}
        records.append(record)
    (folder / "dataset.json").write_text(json.dumps({"eval": records}))
    return folder


@pytest.fixture(scope="module")
def rows(data):
    seen = []
    methods = ("affine", "network", "refined")
    rows = evaluation.evaluate(Known(), data, methods, on_row=seen.append)
    assert rows == seen
    return rows


def test_every_pair_is_measured_by_every_method(rows):
    assert [(row["pair"], row["method"]) for row in rows] == [
        (f"moving{number} to fixed{number}", method)
        for number in range(2)
        for method in ("affine", "network", "refined")
    ]
    for row in rows:
        # The whole affine part is right, and so is the refined transform.
        assert (row["dice"] > 0.995) == (row["method"] != "network")
        assert row["folded_percent"] == 0.0
        assert (row["sd_log_j"] > 0.01) == (row["method"] == "network")
        assert row["seconds"] > 0


def test_summary_is_the_mean_over_pairs(rows):
    summary = evaluation.summarise(rows)
    assert list(summary) == ["affine", "network", "refined"]
    dice = [row["dice"] for row in rows if row["method"] == "network"]
    assert np.isclose(summary["network"]["dice"], np.mean(dice))
    assert set(summary["network"]) == {"dice", "folded_percent", "sd_log_j", "seconds"}


def test_table_figures_and_rows_say_the_same(rows, tmp_path):
    from rich.console import Console

    summary = evaluation.summarise(rows)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(evaluation.table(summary))
    dice = summary["network"]["dice"]
    assert f"{dice:.4g}" in console.export_text()
    figures = evaluation.figures(summary, refine=50)
    assert figures["dice one pass"] == round(dice, 4)
    assert {"dice affine alone", "dice refine=50", "seconds one pass"} <= set(figures)
    assert "seconds affine alone" not in figures
    evaluation.write_rows(tmp_path / "rows.json", rows)
    assert json.loads((tmp_path / "rows.json").read_text()) == rows
