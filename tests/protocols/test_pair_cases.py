import numpy as np
import pytest

from kregzoo.evaluation import Method
from kregzoo.protocols import GroundTruthPair, WrittenTransform
from kregzoo.protocols.pair_cases import region_points, save_registration
from kregzoo.registrars.registration import Registration
from kregzoo.spatial import AffineTransform, Grid, Image

POINTS = np.array([[1.0, 2.0, 3.0], [-4.0, 0.0, 9.0]])


def shift(*offset):
    matrix = np.eye(4)
    matrix[:3, 3] = offset
    return AffineTransform(matrix)


def test_written_transforms_are_read_in_the_order_of_points(tmp_path):
    turn = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    AffineTransform(turn).save(tmp_path / "turn.tfm")
    shift(5, 0, 0).save(tmp_path / "shift.tfm")
    written = WrittenTransform([tmp_path / "turn.tfm", tmp_path / "shift.tfm"])
    expected = POINTS[:, [1, 0, 2]] * [-1, 1, 1] + [5, 0, 0]
    np.testing.assert_allclose(written.read().apply_points(POINTS), expected, atol=1e-6)
    assert written.read_inverse() is None


@pytest.mark.parametrize("predicted", [None, shift(0, 0, -7)])
def test_a_saved_registration_is_what_is_measured(tmp_path, predicted):
    image = Image(np.ones((4, 5, 6), "float32"), Grid.centered((4, 5, 6), 2.0))
    result = Registration(image, image, shift(0, 0, 7), {}, predicted)
    answer = save_registration(result, tmp_path)
    found = answer.read().apply_points(POINTS)
    np.testing.assert_allclose(found, POINTS + [0, 0, 7], atol=1e-6)
    if predicted:
        back = answer.read_inverse().apply_points(found)
        np.testing.assert_allclose(back, POINTS, atol=1e-6)
    else:
        assert answer.read_inverse() is None
    assert (tmp_path / "warped.nii.gz").is_file()


def test_a_pair_runs_a_method_on_its_files_and_measures_the_answer(tmp_path):
    image = Image(np.zeros((4, 5, 6), "float32"), Grid.centered((4, 5, 6), 2.0))
    image.array[1:3, 1:3, 1:3] = 1.0
    image.write(tmp_path / "fixed.nii.gz")

    def run(moving, fixed, folder):
        assert (moving, fixed) == (
            tmp_path / "moving.nii.gz",
            tmp_path / "fixed.nii.gz",
        )
        shift(3, 4, 0).save(folder / "shift.tfm")
        return WrittenTransform([folder / "shift.tfm"])

    paths = (tmp_path / f"{role}.nii.gz" for role in ("moving", "fixed"))
    pair = GroundTruthPair("p", *paths, shift(0, 0, 0))
    (row,) = pair.measure(pair.run(Method("m", run, {}), tmp_path))
    assert (row["label"], row["metric"]) == (None, "tre")
    assert row["value"] == pytest.approx(5.0)


def test_points_of_a_large_region_are_spread_over_it():
    mask = np.ones((40, 40, 40), bool)
    points = region_points(mask, Grid(mask.shape, np.eye(4)))
    assert 5000 <= len(points) < 6000
    assert points.min(axis=0).max() <= 1 and points.max(axis=0).min() >= 36
