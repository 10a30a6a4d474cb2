import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from kregzoo.spatial import Grid, Image
from kregzoo.spatial.slice_plane import SlicePlane
from tests.spatial.slice_files import AXES, affine_of, saved, texture


@pytest.mark.parametrize("suffix", [".nii.gz", ".mgz", ".mha", ".nrrd"])
@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("view", AXES)
def test_a_slice_keeps_place_thickness_and_orientation(
    tmp_path, view, axis, oblique, suffix
):
    affine = affine_of(view, axis, oblique)
    image = saved(tmp_path / "slice.nii.gz", texture(), affine, axis)
    assert image.grid.shape == (24, 20)
    np.testing.assert_allclose(image.grid.spacing, (1.5, 1.2), rtol=1e-5)
    assert image.unit == "mm"
    image.write(tmp_path / f"again{suffix}")
    again = Image.read(tmp_path / f"again{suffix}")
    np.testing.assert_array_equal(again.array, texture())
    for found in (image, again):
        np.testing.assert_allclose(found.grid.volume.affine, affine, atol=1e-4)
        assert found.grid.volume.shape == tuple(np.insert([24, 20], axis, 1))
    read = (
        sitk.ReadImage(str(tmp_path / f"again{suffix}".replace("mgz", "nii.gz")))
        if (suffix != ".mgz")
        else None
    )
    if read is not None:
        assert read.GetDimension() == 3
        index = [3, 3, 3]
        index[axis] = 0
        point = np.array(read.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1]
        np.testing.assert_allclose(point, (affine @ [*index, 1])[:3], atol=1e-3)


def test_axial_slices_lie_in_the_patients_x_and_y():
    image = Image.from_array(texture()[..., None], affine=affine_of("axial", 2))
    np.testing.assert_allclose(
        image.grid.affine, [[-1.5, 0, 70], [0, 1.2, -60], [0, 0, 1]]
    )
    flipped = affine_of("axial", 2) @ np.diag([1, 1, -1, 1])
    other = Image.from_array(texture()[..., None], affine=flipped)
    assert other.grid == image.grid


@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("view", AXES)
def test_slices_of_one_orientation_share_their_axes(view, oblique):
    first = affine_of(view, 2, oblique)
    # Rows and columns exchanged, one flipped, and the origin elsewhere in the plane.
    second = first[:, [1, 0, 2, 3]] @ np.diag([1, -1, 1, 1])
    second[:3, 3] = (first @ [5, 7, 0, 1])[:3]
    grids = [
        Image.from_array(texture()[..., None], affine=affine).grid
        for affine in (first, second)
    ]
    np.testing.assert_allclose(
        grids[0].voxel_to_world((5, 7)), grids[1].voxel_to_world((0, 0)), atol=1e-6
    )
    np.testing.assert_allclose(
        grids[0].voxel_to_world((6, 9)), grids[1].voxel_to_world((2, -1)), atol=1e-6
    )


def test_a_grid_in_a_plane_leads_to_others_there():
    image = Image.from_array(texture()[..., None], affine=affine_of("coronal", 2, True))
    grid = image.grid
    corner = grid.volume.voxel_to_world((0, 0, 0))
    padded = grid.padded(2).volume
    np.testing.assert_allclose(padded.voxel_to_world((2, 2, 0)), corner)
    turned = image.reoriented().grid.volume
    np.testing.assert_allclose(turned.center, grid.volume.center)
    np.testing.assert_allclose(grid.resampled(3.0).volume.center, grid.volume.center)
    assert Grid((4, 4), np.eye(3)).volume is None
    with pytest.raises(ValueError, match="2-D grid"):
        Grid((4, 4, 4), np.eye(4), plane=grid.plane)


def test_a_slice_of_unknown_thickness_is_a_millimeter_thick():
    affine = affine_of("axial", 2)
    affine[:3, 2] = 0
    volume = Image.from_array(texture()[..., None], affine=affine).grid.volume
    np.testing.assert_allclose(volume.spacing, (1.5, 1.2, 1.0))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2))
def test_a_plane_and_its_affine_are_the_volume_again(random_grid, seed, axis):
    volume = random_grid(seed, 3).affine
    plane, affine = SlicePlane.from_affine(volume, axis)
    np.testing.assert_allclose(plane.volume_affine(affine), volume, atol=1e-9)
    axes = plane.frame[:3, :3]
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    thickness = nib.affines.voxel_sizes(volume)[axis]
    assert plane.thickness == pytest.approx(thickness)


@pytest.mark.parametrize("spoilt", [np.ones((4, 4)), np.full((4, 4), np.nan)])
def test_affines_without_a_plane_are_refused(spoilt):
    with pytest.raises(ValueError, match="finite and invertible.*Received: affine"):
        SlicePlane.from_affine(spoilt, 2)
