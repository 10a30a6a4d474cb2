"""Each metric against the filters of SimpleITK, on a constructed pair."""

import json

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo import ops
from kregzoo.metrics import folded_percent, sd_log_j
from kregzoo.metrics.registry import METRICS, Metric
from kregzoo.protocols import read_pairs
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Grid,
    Image,
    LabelMap,
    itk,
)
from tests.phantoms import rotated_grid

TOLERANCE = 1e-3


def boxes(grid, *spans):
    labels = np.zeros(grid.shape, "int16")
    for label, span in enumerate(spans, 1):
        labels[tuple(slice(*ends) for ends in span)] = label
    return Image(labels, grid)


def write_boxes(folder, grid):
    """Make boxes that are larger in the fixed image by known numbers of voxels."""
    spans = {
        "moving": [[(4, 14), (5, 15), (6, 16)], [(18, 24), (8, 20), (4, 12)]],
        "fixed": [[(4, 16), (5, 15), (6, 16)], [(16, 24), (8, 22), (4, 12)]],
    }
    record = {}
    for role, span in spans.items():
        labels = boxes(grid, *span)
        labels.write(folder / f"{role}_label.nii.gz")
        labels.write(folder / f"{role}.nii.gz")
        record |= {role: f"{role}.nii.gz", f"{role}_label": f"{role}_label.nii.gz"}
    (folder / "dataset.json").write_text(json.dumps({"eval": [record]}))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    grid = rotated_grid((30, 28, 26), 2.0, 20.0)
    return write_boxes(tmp_path_factory.mktemp("boxes"), grid)


def folding_transform(grid):
    """Make a rough field with folds, followed by a rotation."""
    coarse = Grid(
        tuple(size // 2 for size in grid.shape), grid.affine @ np.diag([2, 2, 2, 1])
    )
    field = np.random.default_rng(0).normal(0, 0.6, (*coarse.shape, 3))
    rotation = AffineTransform(rotated_grid((1, 1, 1), 1.02, 4.0, [1.0] * 3).affine)
    return CompositeTransform([DisplacementTransform(field, coarse), rotation])


def by_label(rows):
    """Return the values by metric and label, or None for the whole pair."""
    found = {}
    for row in rows:
        found.setdefault(row["label"], {})[row["metric"]] = row["value"]
    return found


def test_known_boxes_have_the_known_metrics(folder):
    (pair,) = read_pairs(folder)
    found = by_label(pair.measure_transform(AffineTransform(np.eye(4))))
    # 10 of 12 voxels of an edge; 6 of 8 and 12 of 14 of two.
    dice = 2 * 10 / (10 + 12), 2 * 6 * 12 / (6 * 12 + 8 * 14)
    np.testing.assert_allclose([found[n]["dice"] for n in (1, 2)], dice, atol=1e-9)
    assert found[1]["hd95"] == pytest.approx(4.0)
    assert set(found) == {1, 2, None} and set(found[1]) == {"dice", "hd95"}
    assert found[None]["folded_percent"] == 0.0
    assert found[None]["folded_foreground_percent"] == 0.0
    assert found[None]["sd_log_j"] == pytest.approx(0, abs=1e-5)


def test_a_metric_that_is_registered_is_measured(folder, monkeypatch):
    def difference(fixed, warped, spacing):
        return float(warped.sum() - fixed.sum()) * float(np.prod(spacing))

    volume = Metric(
        "volume", "volume", "Added.", measured_on="structure", compute=difference
    )
    monkeypatch.setitem(METRICS, "volume", volume)
    (pair,) = read_pairs(folder)
    found = by_label(pair.measure_transform(AffineTransform(np.eye(4))))
    assert found[1]["volume"] == pytest.approx((10 - 12) * 10 * 10 * 8.0)


def test_the_error_of_an_inverse_is_a_distance(folder):
    (pair,) = read_pairs(folder)
    shift = np.eye(4)
    shift[:3, 3] = 3.0, 4.0, 0.0
    there, back = AffineTransform(shift), AffineTransform(np.eye(4))
    for inverse, error in ((back, 5.0), (there.inverse(), 0.0)):
        found = by_label(pair.measure_transform(there, inverse))
        assert found[None]["inverse_error"] == pytest.approx(error)
    assert "inverse_error" not in by_label(pair.measure_transform(there))[None]


def test_overlap_and_distance_agree_with_simpleitk(folder):
    (pair,) = read_pairs(folder)
    transform = folding_transform(Image.read(pair.fixed).grid)
    found = by_label(pair.measure_transform(transform))
    fixed = sitk.ReadImage(str(pair.fixed_label))
    warped = sitk.Resample(
        sitk.ReadImage(str(pair.moving_label)),
        fixed,
        transform.to_itk(),
        sitk.sitkNearestNeighbor,
    )
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(fixed, warped)
    for label in pair.labels:
        row = found[label]
        assert 0.2 < row["dice"] < 0.98
        assert row["dice"] == pytest.approx(
            overlap.GetDiceCoefficient(label), abs=TOLERANCE
        )
        expected = percentile_hausdorff(fixed == label, warped == label)
        assert row["hd95"] == pytest.approx(expected, abs=TOLERANCE)


def percentile_hausdorff(a, b):
    """From SimpleITK's contours and exact distance maps."""

    def surface(mask):
        return sitk.GetArrayFromImage(
            sitk.And(mask, sitk.Not(sitk.BinaryErode(mask, [1] * 3, sitk.sitkCross)))
        ).astype(bool)

    def distances(mask, other):
        contour = sitk.GetImageFromArray(surface(other).astype("uint8"))
        contour.CopyInformation(other)
        away = sitk.SignedMaurerDistanceMap(
            contour, squaredDistance=False, useImageSpacing=True
        )
        away = np.maximum(sitk.GetArrayFromImage(away), 0)
        return np.percentile(away[surface(mask)], 95)

    return max(distances(a, b), distances(b, a))


def test_folds_and_jacobian_agree_with_simpleitk(tmp_path):
    # Along the axes of ITK, because its filter ignores the direction.
    grid = Grid.centered((30, 28, 26), (2.0, 1.5, 2.5), orientation="LPS")
    (pair,) = read_pairs(write_boxes(tmp_path, grid))
    transform = folding_transform(grid)
    row = by_label(pair.measure_transform(transform))[None]
    displacement = transform.displacement_on(grid)
    field = sitk.Cast(itk.to_field(displacement, grid), sitk.sitkVectorFloat64)
    volume = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))
    # ITK uses central differences inside, and treats the border differently.
    inner = (slice(1, -1),) * 3
    assert row["folded_percent"] > 0.1
    assert row["folded_percent"] == folded_percent(displacement)
    assert row["sd_log_j"] == sd_log_j(displacement)
    ours = np.array(ops.jacobian_determinant(displacement[None]))[0]
    np.testing.assert_allclose(
        100 * (ours[inner] <= 0).mean(),
        100 * (volume.transpose(2, 1, 0)[inner] <= 0).mean(),
        atol=TOLERANCE,
    )
    np.testing.assert_allclose(
        ours[inner], volume.transpose(2, 1, 0)[inner], atol=TOLERANCE
    )


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PSL"])
def test_folds_in_the_foreground_are_those_of_the_world(tmp_path, orientation):
    grid = Grid.centered((30, 28, 26), (2.0, 1.5, 2.5), orientation=orientation)
    (pair,) = read_pairs(write_boxes(tmp_path, grid))
    transform = folding_transform(grid)
    row = by_label(pair.measure_transform(transform))[None]
    # The Jacobian of the mapped positions by those of the voxels, both in mm.
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    mapped = transform.apply_points(grid.voxel_to_world(index.reshape(-1, 3)))
    by_voxel = np.gradient(mapped.reshape(*grid.shape, 3), axis=(0, 1, 2))
    by_world = np.stack(by_voxel, axis=-1) @ np.linalg.inv(grid.affine[:3, :3])
    folds = np.linalg.det(by_world) <= 0
    labeled = Image.read(pair.fixed_label).array > 0
    found = [row["folded_foreground_percent"], row["folded_percent"]]
    expected = [100 * folds[labeled].mean(), 100 * folds.mean()]
    assert found == pytest.approx(expected, abs=0.05)
    assert 0.1 < expected[0] and abs(expected[0] - expected[1]) > 0.1


def test_landmarks_are_the_later_channels(tmp_path):
    grid = rotated_grid((16, 16, 16), 2.0, 10.0)
    offset = np.array([3, 0, -2])
    record = {}
    for role, move in (("moving", 0 * offset), ("fixed", offset)):
        channels = np.zeros((*grid.shape, 3), "uint8")
        channels[4:12, 4:12, 4:12, 0] = 1
        corner = np.array([6, 7, 8]) + move
        channels[tuple(slice(c, c + 3) for c in corner)][..., 1] = 1
        nib.Nifti1Image(channels, grid.affine).to_filename(
            tmp_path / f"{role}_label.nii.gz"
        )
        boxes(grid).write(tmp_path / f"{role}.nii.gz")
        record |= {role: f"{role}.nii.gz", f"{role}_label": f"{role}_label.nii.gz"}
    (tmp_path / "dataset.json").write_text(json.dumps({"eval": [record]}))
    (pair,) = read_pairs(tmp_path)
    # The third channel is empty in both.
    assert pair.labels == (0, 1)
    assert LabelMap.read(pair.fixed_label).channels
    found = by_label(pair.measure_transform(AffineTransform(np.eye(4))))
    gland, landmark = found[0], found[1]
    assert gland["dice"] == 1 and "tre" not in gland
    assert landmark["tre"] == pytest.approx(2 * 13**0.5)
    matrix = np.eye(4)
    matrix[:3, 3] = grid.voxel_to_world(-offset) - grid.voxel_to_world(0 * offset)
    found = by_label(pair.measure_transform(AffineTransform(matrix)))
    gland, landmark = found[0], found[1]
    assert landmark["tre"] == pytest.approx(0, abs=1e-4)
    assert "dice" not in landmark and gland["dice"] < 1


def test_only_labels_of_all_images_count(known_data):
    pairs = read_pairs(known_data)
    assert [pair.name for pair in pairs] == ["moving0 to fixed0", "moving1 to fixed1"]
    assert [pair.labels for pair in pairs] == [(1, 2), (1, 2)]


def test_pairs_name_their_persons_and_groups(folder, tmp_path):
    (pair,) = read_pairs(folder)
    assert pair.persons == ("moving", "fixed") and pair.group == ""
    write_boxes(tmp_path, Image.read(pair.fixed).grid)
    (record,) = json.loads((tmp_path / "dataset.json").read_text())["eval"]
    record["person"] = "patient-03"
    (tmp_path / "dataset.json").write_text(json.dumps({"eval": [record]}))
    (pair,) = read_pairs(tmp_path)
    assert pair.persons == ("patient-03",) and pair.group == "patient"


def test_pairs_without_labels_are_refused(tmp_path):
    boxes(Grid.centered((4, 4, 4))).write(tmp_path / "a.nii.gz")
    record = {"moving": "a.nii.gz", "fixed": "a.nii.gz"}
    (tmp_path / "dataset.json").write_text(json.dumps({"eval": [record]}))
    with pytest.raises(ValueError, match="without fixed_label, moving_label"):
        read_pairs(tmp_path)
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(ValueError, match="must have `eval` pairs"):
        read_pairs(tmp_path)
