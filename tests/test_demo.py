"""Ground truth of the demonstration, against SimpleITK, and its metrics."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo import demo, zoo
from kregzoo.registrars.registration import Registration
from kregzoo.spatial import AffineTransform, Image


@pytest.fixture(scope="module")
def anatomy():
    """Make a ball of white matter in a shell of grey matter, off center, at 4 mm."""
    where = np.indices((28, 30, 26)) - np.array([13.0, 15.0, 12.0])[:, None, None, None]
    radius = np.linalg.norm(where, axis=0)
    tissues = (radius < 9).astype("uint8") + (radius < 6)
    affine = np.diag([-4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = 50, -60, -40
    fixed = Image.from_array(tissues * 10.0 + where[0] * (radius < 9), affine=affine)
    return fixed, Image(tissues, fixed.grid)


def judged(pair, transform):
    return pair.judge(Registration(pair.moving, pair.fixed, transform, {"total": 0.0}))


def test_the_same_seed_gives_the_same_pair(anatomy):
    first, again, other = (demo.known_pair(*anatomy, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.moving.array, again.moving.array)
    assert not np.array_equal(first.moving.array, other.moving.array)


def test_moving_tissues_are_where_simpleitk_puts_them(anatomy, tmp_path):
    _, tissues = anatomy
    pair = demo.known_pair(*anatomy, seed=1)
    truth = demo.draw_transform(tissues.grid, np.random.default_rng(1))
    tissues.write(tmp_path / "tissues.nii.gz")
    image = sitk.ReadImage(tmp_path / "tissues.nii.gz")
    warped = sitk.Resample(image, image, truth.to_itk(), sitk.sitkNearestNeighbor)
    theirs = sitk.GetArrayFromImage(warped).T
    assert np.mean(theirs != pair.moving_tissues.array) < 0.002


def test_the_largest_displacement(anatomy):
    grid = anatomy[0].grid
    for seed in range(3):
        rotation, field = demo.draw_transform(
            grid, np.random.default_rng(seed)
        ).transforms
        np.testing.assert_allclose(np.linalg.det(rotation.matrix), 1.0)
        np.testing.assert_allclose(
            rotation.apply_points(grid.center[None])[0], grid.center
        )
        length = np.linalg.norm(field.displacement * demo.COARSE, axis=-1)
        np.testing.assert_allclose(length.max(), demo.LARGEST, rtol=1e-5)


def test_the_identity_changes_no_metric(anatomy):
    pair = demo.known_pair(*anatomy, seed=2)
    figures = judged(pair, AffineTransform(np.eye(4)))
    assert set(figures) == {"dice_grey_matter", "dice_white_matter", "tre_mm"}
    for before, after in figures.values():
        np.testing.assert_allclose(before, after)
    assert figures["tre_mm"][0] > 1.0


def test_the_inverse_of_the_truth_has_no_error(anatomy):
    pair = demo.known_pair(*anatomy, seed=2)
    truth = demo.draw_transform(pair.fixed.grid, np.random.default_rng(2))
    figures = judged(pair, truth.inverse())
    assert figures["tre_mm"][1] < 0.1
    assert figures["dice_white_matter"][1] > 0.93
    assert figures["dice_grey_matter"][1] > 0.93


def test_intensities_change_but_not_their_order_in_space(anatomy):
    fixed, _ = anatomy
    changed = demo.change_intensities(fixed, np.random.default_rng(0))
    assert changed.grid == fixed.grid
    assert np.isfinite(changed.array).all()
    assert not changed.array[fixed.array == 0].any()
    inside = fixed.array > 5
    assert np.corrcoef(fixed.array[inside], changed.array[inside])[0, 1] > 0.8


def test_run_writes_and_prints_the_files(anatomy, tmp_path, monkeypatch, capsys):
    class Nothing:
        def register(self, moving, fixed, refine):
            transform = AffineTransform(np.eye(4))
            result = Registration(moving, fixed, transform, {"total": 1.5})
            result.metrics["folded_percent"] = 0.0
            return result

    monkeypatch.setattr(demo, "read_anatomy", lambda: anatomy)
    monkeypatch.setattr(zoo, "load", lambda name: Nothing(), raising=False)
    figures = demo.run(tmp_path, seed=5)
    names = {"warped.nii.gz", "transform.h5", "metrics.json", "report.html"}
    assert {path.name for path in tmp_path.iterdir()} == names
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["tre_mm_before"], metrics["tre_mm"]) == figures["tre_mm"]
    printed = capsys.readouterr().out
    assert f"{figures['tre_mm'][0]:.2f}" in printed and "grey matter" in printed


def test_anatomy_comes_with_nilearn():
    fixed, tissues = demo.read_anatomy()
    assert fixed.grid == tissues.grid and fixed.grid.orientation == "RAS"
    # Liters of gray and white matter of an adult.
    liters = np.bincount(tissues.array.ravel()) * np.prod(fixed.grid.spacing) / 1e6
    assert 0.6 < liters[1] < 1.2 and 0.35 < liters[2] < 0.8
    assert (
        fixed.array[tissues.array == 2].mean() > fixed.array[tissues.array == 1].mean()
    )
