import json
import warnings

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from kregzoo.metrics import folded_percent
from kregzoo.registrars import Registration
from kregzoo.registrars.registration import MARGIN, Timer, field_transform
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Grid,
    Image,
    VelocityTransform,
)
from tests.helpers import assert_close, random_field
from tests.phantoms import Phantom, rotated_grid

SHAPE = {2: (24, 30), 3: (16, 18, 20)}


def registered(ndim):
    """Oblique images and a transform of a field and an affine."""
    phantom = Phantom(ndim, radius=20.0)
    spacing = 2.5 if ndim == 2 else 4.0
    fixed = phantom.image(rotated_grid(SHAPE[ndim], spacing, 15.0))
    moving = phantom.image(rotated_grid(SHAPE[ndim][::-1], spacing, -10.0))
    grid = rotated_grid((12,) * ndim, 2 * spacing, 15.0)
    field = DisplacementTransform(random_field(1, grid.shape, 1.0)[0], grid)
    affine = AffineTransform(rotated_grid((1,) * ndim, 1.05, 5.0, [2.0] * ndim).affine)
    transform = CompositeTransform([field, affine])
    return Registration(moving, fixed, transform, {"total": 1.5})


@pytest.mark.parametrize("ndim", [2, 3])
def test_saved_files_agree_with_simpleitk_and_with_each_other(ndim, tmp_path):
    result = registered(ndim)
    folder = tmp_path / "not" / "yet"
    paths = result.save(folder)
    assert [path.name for path in paths] == [
        "warped.nii.gz",
        "transform.h5",
        "metrics.json",
        "report.html",
    ]
    assert set(folder.iterdir()) == set(paths)
    assert json.loads(paths[2].read_text(encoding="utf-8")) == result.metrics
    assert "<html" in paths[3].read_text(encoding="utf-8")[:500]
    result.moving.write(tmp_path / "moving.nii.gz")
    result.fixed.write(tmp_path / "fixed.nii.gz")

    def read(path):
        image = sitk.ReadImage(str(path))
        # A plane is stored as a volume of one slice.
        return image[:, :, 0] if image.GetDimension() > ndim else image

    theirs = sitk.Resample(
        read(tmp_path / "moving.nii.gz"),
        read(tmp_path / "fixed.nii.gz"),
        sitk.ReadTransform(str(paths[1])),
    )
    theirs, ours = (sitk.GetArrayFromImage(i) for i in (theirs, read(paths[0])))
    # On the rim of the moving image the last bit decides what is inside.
    assert np.mean(np.abs(theirs - ours) > 1e-3) < 0.005
    assert ours.std() > 0.1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_results_of_files_of_one_slice_are_volumes(axis, tmp_path):
    result = registered(2)
    # Oblique slices, 5 mm apart.
    turn = Rotation.from_euler("xyz", [20, 10, 30], degrees=True).as_matrix()
    images = {}
    for name, depth in (("moving", 12.0), ("fixed", 7.0)):
        flat = getattr(result, name)
        affine = np.eye(4)
        affine[:3, [0, 1, 3]] = turn[:, :2] @ flat.grid.affine[:2]
        affine[:3, 3] += turn[:, 2] * depth
        affine[:3, 2] = 4 * turn[:, 2]
        affine = np.insert(affine[:, [0, 1, 3]], axis, affine[:, 2], axis=1)
        path = tmp_path / f"{name}.nii.gz"
        volume = nib.Nifti1Image(np.expand_dims(flat.array, axis), affine)
        volume.to_filename(path)
        images[name] = Image.read(path)
    shift = AffineTransform(np.eye(3))
    shift.matrix[:2, 2] = (1.5, -2.0)
    result = Registration(**images, transform=shift, seconds={})
    paths = result.save(tmp_path / "out")
    warped = nib.load(paths[0])
    fixed = nib.load(tmp_path / "fixed.nii.gz")
    assert warped.shape == fixed.shape
    assert_close(warped.affine, fixed.affine, 1e-4)
    theirs = sitk.Resample(
        *(sitk.ReadImage(str(tmp_path / f"{n}.nii.gz")) for n in ("moving", "fixed")),
        sitk.ReadTransform(str(paths[1])),
    )
    ours = warped.get_fdata()
    difference = np.abs(sitk.GetArrayFromImage(theirs).transpose() - ours)
    assert np.mean(difference > 1e-3) < 0.005
    assert ours.std() > 0.1
    # A point of the fixed slice goes to one of the moving slice.
    voxel = np.insert([10.0, 12.0], axis, 0)
    point = nib.affines.apply_affine(fixed.affine, voxel)
    (found,) = result.apply_points([point])
    voxel = images["moving"].grid.volume.world_to_voxel(found)
    assert voxel[axis] == pytest.approx(0, abs=1e-5)
    (flat,) = result.apply_points([images["fixed"].grid.voxel_to_world((10.0, 12.0))])
    pixel = images["moving"].grid.world_to_voxel(flat)
    assert_close(np.delete(voxel, axis), pixel, 1e-5)


@pytest.mark.parametrize("ndim", [2, 3])
def test_points_go_where_the_image_comes_from(ndim):
    result = registered(ndim)
    grid = result.moving.grid
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)
    world = grid.voxel_to_world(index)
    rng = np.random.default_rng(0)
    voxels = rng.integers(
        np.array(SHAPE[ndim]) // 3, np.array(SHAPE[ndim]) // 3 * 2, (50, ndim)
    )
    points = result.apply_points(result.fixed.grid.voxel_to_world(voxels))
    for axis in range(ndim):
        # An image of a world coordinate, which linear interpolation keeps.
        warped = result.apply(Image(world[..., axis], grid)).array
        np.testing.assert_allclose(warped[tuple(voxels.T)], points[:, axis], atol=1e-3)


def test_labels_stay_labels():
    result = registered(3)
    labels = (result.moving.array > 0.5).astype("int16") * 700
    warped = result.apply(Image(labels, result.moving.grid), "nearest")
    assert warped.array.dtype == "int16"
    assert set(np.unique(warped.array)) == {0, 700}


def test_what_looks_like_labels_is_not_interpolated():
    result = registered(3)
    array = (result.moving.array > 0.5) * 7 + (result.moving.array > 0.8) * 614454277
    with pytest.warns(UserWarning, match="looks like a map of labels") as caught:
        warped = result.apply(array)
    # The warning shows the caller's line.
    assert caught[0].filename == __file__
    assert set(np.unique(warped.array)) == {0, 7, 614454284}
    assert len(np.unique(result.apply(array, "linear").array)) > 100
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result.apply(array, "nearest")
        np.testing.assert_array_equal(
            result.apply(result.moving).array, result.warped.array
        )


def test_metrics_say_how_well_and_how_smooth():
    result = registered(2)
    metrics = result.metrics
    assert set(metrics) == {
        "ncc_before",
        "ncc",
        "folded_percent",
        "sd_log_j",
        "warnings",
        "seconds",
    }
    moving = result.moving.resample(result.fixed.grid).array
    fixed, warped = result.fixed.array, result.warped.array
    assert np.isclose(metrics["ncc"], np.corrcoef(fixed.flat, warped.flat)[0, 1])
    assert np.isclose(metrics["ncc_before"], np.corrcoef(fixed.flat, moving.flat)[0, 1])
    assert metrics["folded_percent"] == 0.0 < metrics["sd_log_j"]
    assert metrics["seconds"] == {"total": 1.5}


def test_images_that_do_not_overlap_have_no_correlation():
    image = Phantom(2).image(rotated_grid((20, 20), 4.0, 0.0))
    away = AffineTransform([[1, 0, 1e4], [0, 1, 0], [0, 0, 1]])
    metrics = Registration(image, image, away, {}).metrics
    assert (metrics["ncc_before"], metrics["ncc"]) == (1.0, "no overlap")

    moved = Image(image.array - 5.0, Grid(image.grid.shape, away.matrix))
    result = Registration(moved, image, away.inverse(), {"total": 0.0})
    assert result.metrics["ncc_before"] == "no overlap"
    assert "<td>no overlap</td>" in result.to_html()

    constant = Image(np.ones(image.grid.shape), image.grid)
    still = AffineTransform(np.eye(3))
    assert Registration(constant, image, still, {}).metrics["ncc_before"] == 0.0


@pytest.mark.parametrize("kind", ["overlay", "grid", "jacobian"])
def test_plot_and_report(kind):
    from matplotlib import pyplot

    result = registered(2)
    figure = result.plot(kind)
    assert figure.axes
    pyplot.close(figure)


def test_report_names_the_images():
    result = registered(2)
    named = Image(result.moving.array, result.moving.grid, "patient<1>.nii.gz")
    page = Registration(named, result.fixed, result.transform, {"total": 1.0}).to_html()
    assert "patient&lt;1&gt;.nii.gz" in page and "patient<1>" not in page


def test_timer_gives_laps_and_their_sum():
    timer = Timer()
    timer.lap("one")
    timer.lap("two")
    seconds = timer.seconds()
    assert list(seconds) == ["one", "two", "total"]
    assert seconds["one"] + seconds["two"] <= seconds["total"] + 0.002


def test_timer_adds_the_laps_of_a_stage(monkeypatch):
    now = iter([0.0, 1.0, 3.0, 7.0, 7.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    timer = Timer()
    for stage in ("fine", "other", "fine"):
        timer.lap(stage)
    assert timer.seconds() == {"fine": 5.0, "other": 2.0, "total": 7.5}


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", [DisplacementTransform, VelocityTransform])
def test_a_field_runs_out_to_zero_beyond_its_grid(kind, ndim):
    grid = Grid.centered((12,) * ndim, 4.0)
    field = np.full((1, *grid.shape, ndim), 1.5, "float32")
    transform = field_transform(field, grid, kind)
    line = np.zeros((200, ndim))
    line[:, 0] = np.linspace(0, 100, 200)
    moved = np.linalg.norm(transform.apply_points(line) - line, axis=-1)
    assert_close(moved[0], 6.0 * ndim**0.5, rtol=1e-3)
    assert moved[line[:, 0] > 24 + MARGIN + 2].max() < 1e-9
    # No step: over half a millimeter it falls by little more than the ramp's slope.
    slope = 6.0 * ndim**0.5 / MARGIN
    assert np.abs(np.diff(moved)).max() < 1.6 * slope * (line[1, 0] - line[0, 0])
    volume = transform.displacement_on(grid.padded(8).resampled(1.0))
    assert folded_percent(volume) == 0
    if kind is DisplacementTransform:
        inside = np.abs(line[:, 0]) < 22
        assert_close(moved[inside], 6.0 * ndim**0.5, rtol=1e-5)


def test_notebooks_show_an_overlay_and_the_metrics():
    result = registered(2)
    shown = result._repr_html_()
    assert shown.count("<img ") == 1 and "data:image/png;base64," in shown
    assert f"<td>{result.metrics['ncc']:.4g}</td>" in shown


def test_a_registration_says_of_what_it_is():
    assert (
        repr(registered(2)) == "<Registration of the moving image to the fixed image>"
    )
