"""Pairs displaced from the alignment of their labels, and their baselines."""

import json

import numpy as np
import pytest

from kregzoo import evaluation
from kregzoo.evaluation.baselines import beside, registry
from kregzoo.losses import NCC
from kregzoo.protocols import RIGID_STARTS, rigid_pairs
from kregzoo.registrars import LearnedMetricRegistrar
from kregzoo.spatial import AffineTransform, Grid, Image, Preprocessor
from tests.phantoms import Phantom, rotated_grid


@pytest.fixture(scope="module")
def labeled(tmp_path_factory):
    """Write a pair whose labels are aligned by a rotation and a shift."""
    folder = tmp_path_factory.mktemp("labeled") / "labeled"
    folder.mkdir()
    phantom = Phantom(3, radius=20.0)
    truth = rotated_grid((1, 1, 1), 1.0, 6.0, [5.0, -4.0, 3.0]).affine
    record = {}
    for role, matrix in (("moving", np.eye(4)), ("fixed", truth)):
        grid = Grid.centered((24, 22, 20), 3.0)
        there = AffineTransform(matrix).apply_points
        image = phantom.image(grid, there)
        record |= {role: f"{role}.nii.gz", f"{role}_label": f"{role}_label.nii.gz"}
        image.write(folder / record[role])
        labels = Image((image.array > 0.4).astype("int16"), grid)
        labels.write(folder / record[f"{role}_label"])
    (folder / "dataset.json").write_text(json.dumps({"eval": [record]}))
    return folder


def test_the_labels_determine_the_alignment(labeled, tmp_path):
    pairs = rigid_pairs(labeled, tmp_path, 2)
    assert [pair.name[:4] for pair in pairs] == ["000 ", "001 "]
    pair, other = pairs
    assert np.abs(pair.ground_truth.matrix - other.ground_truth.matrix).max() > 0.1
    fixed = Image.read(pair.fixed)
    warped = pair.ground_truth.apply(pair.moving, fixed.grid).array
    assert np.corrcoef(warped.ravel(), fixed.array.ravel())[0, 1] > 0.95
    assert pair.persons == other.persons == ("moving", "fixed")
    assert pair.region.name == "fixed_label.nii.gz"
    turn = pair.ground_truth.matrix[:3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)


def test_every_method_finds_a_motion_from_where_the_files_are(
    labeled, tmp_path, monkeypatch
):
    (pair,) = rigid_pairs(labeled, tmp_path, 1)
    frame = Preprocessor(3.0, ((24, 24, 24),))
    learned = LearnedMetricRegistrar(NCC(), frame)
    learned.capabilities = frozenset({"search"})
    ours = evaluation.Method("ours", lambda *files: learned, {"package": "test 1"})
    monkeypatch.setattr(registry, "preset_methods", lambda *arguments: [ours])
    monkeypatch.setattr(beside.zoo, "load", lambda name: learned)
    methods = registry.methods_of(RIGID_STARTS, ["ours"])
    assert [method.name for method in methods] == [
        "identity",
        "centers",
        "sitk-rigid",
        "iterative-rigid-mind",
        "ours",
        "mi by the search of ours",
        "mind by the search of ours",
    ]
    start = pair.measure_transform(AffineTransform(np.eye(4)))[0]["value"]
    for method in methods[2:4] + methods[5:6]:
        (row,) = pair.measure(pair.run(method, tmp_path))
        assert row["value"] < 0.4 * start, method.name
    learned.capabilities = frozenset()
    assert registry.methods_of(RIGID_STARTS, ["ours"])[-1] is ours


def test_data_without_labels_are_refused(tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(ValueError, match="must have `eval` pairs.*Received"):
        rigid_pairs(tmp_path, tmp_path)
