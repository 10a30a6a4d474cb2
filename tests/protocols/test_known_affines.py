"""Held-out subjects under random affines, and the methods that find them."""

import json

import numpy as np
import pytest

from kregzoo import evaluation
from kregzoo.protocols import KNOWN_AFFINES, affine_pairs
from kregzoo.spatial import AffineTransform, Image
from tests.known_data import Shift, method


def tre(pair, transform):
    """The error of a transform, the only metric that such a pair has."""
    (row,) = pair.measure_transform(transform)
    assert (row["metric"], row["label"]) == ("tre", None)
    return row["value"]


def test_the_truth_aligns_what_was_made(known_data, tmp_path):
    pairs = affine_pairs(known_data, tmp_path, 3)
    # Moving and fixed of both pairs are four images, of which three are taken.
    assert [pair.fixed.name for pair in pairs] == [
        "fixed0.nii.gz",
        "fixed1.nii.gz",
        "moving0.nii.gz",
    ]
    assert [pair.persons for pair in pairs] == [("fixed0",), ("fixed1",), ("moving0",)]
    for pair in pairs:
        fixed = Image.read(pair.fixed)
        warped = pair.ground_truth.apply(pair.moving, fixed.grid).array
        assert np.corrcoef(warped.ravel(), fixed.array.ravel())[0, 1] > 0.99
        assert tre(pair, pair.ground_truth) == 0.0
        # Nothing of the image was lost on the way.
        assert Image.read(pair.moving).array.max() > 0.8 * fixed.array.max()


def test_the_error_is_the_mean_distance_over_the_foreground(known_data, tmp_path):
    (pair,) = affine_pairs(known_data, tmp_path, 1)
    shifted = pair.ground_truth.matrix.copy()
    shifted[:3, 3] += (1.0, 2.0, 2.0)
    assert tre(pair, AffineTransform(shifted)) == pytest.approx(3.0)


def test_the_same_seed_gives_the_same_affines(known_data, tmp_path):
    first, again = (affine_pairs(known_data, tmp_path, 2) for _ in range(2))
    other = affine_pairs(known_data, tmp_path, 2, seed=1)
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one.ground_truth.matrix, two.ground_truth.matrix)
        assert np.abs(one.ground_truth.matrix - three.ground_truth.matrix).max() > 0.01


def test_without_an_eval_split_the_last_persons_contrasts_are_held_out(
    contrasts, tmp_path
):
    (pair,) = affine_pairs(contrasts, tmp_path, 1)
    assert pair.name == "000 1_t1 to 1_t2" and pair.fixed.name == "1_t2.nii.gz"
    # Contrasts are of one person.
    assert pair.persons == ("1_t1",)


@pytest.mark.parametrize("splits", [{}, {"eval": [], "train": []}])
def test_data_without_pairs_are_refused(splits, tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps(splits))
    with pytest.raises(ValueError, match="must have `eval` pairs.*Received"):
        affine_pairs(tmp_path, tmp_path)


def test_successes_are_counted(known_data, tmp_path):
    found = [method("none", Shift(0))]
    table = evaluation.evaluate(
        found, known_data, tmp_path, count=2, protocol=KNOWN_AFFINES, progress=False
    )
    assert table.name == "known_affines" and len(table.rows) == 2 * 2
    summary = evaluation.summary(table)
    assert "| TRE under 2 mm, % |" in summary and "Dice" not in summary
    assert "folds" not in summary
    (line,) = [line for line in summary.splitlines() if line.startswith("| none")]
    assert line.split(" | ")[4:6] == ["16.9, 20.3", "0"]
