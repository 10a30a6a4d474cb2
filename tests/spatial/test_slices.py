import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Image,
    VelocityTransform,
    as_aligned_image,
    flatten,
    lift,
    read_transform,
)
from tests.spatial.slice_files import affine_of, saved, texture


def deformation(grid):
    field = ndimage.gaussian_filter(
        np.random.default_rng(5).normal(size=(*grid.shape, 2)), (2, 2, 0)
    )
    return (3 * field / np.abs(field).max()).astype("float32")


def make_transform(kind, grid):
    turn = np.eye(3)
    turn[:2, :2] = Rotation.from_euler("z", 8, degrees=True).as_matrix()[:2, :2]
    turn[:2, 2] = grid.center - turn[:2, :2] @ grid.center + [1.0, -2.0]
    if kind == "affine":
        return AffineTransform(turn)
    if kind == "displacement":
        return DisplacementTransform(deformation(grid), grid)
    velocity = VelocityTransform(deformation(grid), grid)
    return CompositeTransform([velocity, AffineTransform(turn)])


@pytest.mark.parametrize("kind", ["affine", "displacement", "composite"])
@pytest.mark.parametrize(
    ("view", "axis", "oblique"),
    [("axial", 2, False), ("coronal", 1, False), ("sagittal", 0, False)]
    + [("axial", 2, True), ("sagittal", 2, True)],
)
def test_other_tools_warp_the_raw_files(tmp_path, view, axis, oblique, kind):
    fixed = saved(
        tmp_path / "fixed.nii.gz", texture(), affine_of(view, axis, oblique), axis
    )
    # Another slice of the volume, of another pixel size.
    affine = affine_of(view, axis, oblique, (72.0, -61.0, 45.0), (1.4, 1.4))
    moving = saved(tmp_path / "moving.nii.gz", texture(1), affine, axis)
    shift = AffineTransform(np.eye(3))
    shift.matrix[:2, 2] = moving.grid.center - fixed.grid.center
    transform = CompositeTransform([make_transform(kind, fixed.grid), shift])
    expected = transform.apply(moving, fixed.grid, fill="zeros")
    lift(transform, fixed.grid, moving.grid).save(tmp_path / "transform.h5")
    found = sitk.Resample(
        sitk.ReadImage(str(tmp_path / "moving.nii.gz")),
        sitk.ReadImage(str(tmp_path / "fixed.nii.gz")),
        sitk.ReadTransform(str(tmp_path / "transform.h5")),
        sitk.sitkLinear,
    )
    found = sitk.GetArrayFromImage(found).transpose().squeeze(axis)
    inside = (slice(4, -4),) * 2
    assert np.abs(expected.array[inside]).min(initial=1) > 0
    np.testing.assert_allclose(found[inside], expected.array[inside], atol=2e-4)
    # The file leads to the same here.
    again = read_transform(tmp_path / "transform.h5")
    assert again.ndim == 3
    warped = again.apply(moving, fixed.grid, fill="zeros")
    np.testing.assert_allclose(warped.array[inside], expected.array[inside], atol=2e-4)


def test_points_in_space_go_from_slice_to_slice():
    fixed = Image.from_array(texture()[..., None], affine=affine_of("axial", 2))
    moved = affine_of("axial", 2, origin=(70.0, -60.0, 45.0))
    moving = Image.from_array(texture()[..., None], affine=moved)
    flat = AffineTransform([[1, 0, 3], [0, 1, -2], [0, 0, 1]])
    found = lift(flat, fixed.grid, moving.grid).apply_points([[10.0, 20.0, 37.0]])
    np.testing.assert_allclose(found, [[13.0, 18.0, 45.0]])
    inverse = lift(flat, fixed.grid, moving.grid).inverse()
    np.testing.assert_allclose(inverse.apply_points(found), [[10.0, 20.0, 37.0]])


@pytest.mark.parametrize("kind", ["affine", "displacement", "composite"])
@pytest.mark.parametrize("oblique", [False, True])
def test_a_saved_transform_leads_back_into_the_plane(tmp_path, kind, oblique):
    fixed, moving = (
        Image.from_array(
            texture()[:, None], affine=affine_of("coronal", 1, oblique, origin)
        ).grid
        for origin in [(70.0, -60.0, 37.0), (72.0, -55.0, 35.0)]
    )
    flat = make_transform(kind, fixed)
    lift(flat, fixed, moving).save(tmp_path / "transform.h5")
    found = flatten(read_transform(tmp_path / "transform.h5"), fixed, moving)
    assert found.ndim == 2
    assert isinstance(found, AffineTransform) == (kind == "affine")
    inside = np.random.default_rng(0).uniform(2, 17, (50, 2))
    points = fixed.voxel_to_world(inside)
    expected = flat.apply_points(points)
    np.testing.assert_allclose(found.apply_points(points), expected, atol=1e-3)
    np.testing.assert_allclose(found.inverse().apply_points(expected), points, atol=0.2)
    # Lifted again, with another after it, it is still the same.
    shift = AffineTransform([[1, 0, 3], [0, 1, -2], [0, 0, 1]])
    again = lift(CompositeTransform([found, shift]), fixed, moving)
    in_space = fixed.volume.voxel_to_world(np.insert(inside, 1, 0, axis=-1))
    there = lift(CompositeTransform([flat, shift]), fixed, moving)
    np.testing.assert_allclose(
        again.apply_points(in_space), there.apply_points(in_space), atol=1e-3
    )
    again.save(tmp_path / "again.h5")
    if kind != "affine":
        with pytest.raises(ValueError, match="world_transform"):
            found.save(tmp_path / "flat.h5")
    assert flatten(flat, fixed, moving) is flat


def test_pictures_stay_two_dimensional(tmp_path):
    Image.from_array(texture(), spacing=1.5).write(tmp_path / "image.nii.gz")
    picture = Image.read(tmp_path / "image.nii.gz")
    assert picture.grid.volume is None
    assert sitk.ReadImage(str(tmp_path / "image.nii.gz")).GetDimension() == 2
    transform = AffineTransform(np.eye(3))
    assert lift(transform, picture.grid, picture.grid) is transform


def test_a_slice_is_written_as_a_picture(tmp_path):
    pixels = np.arange(20, dtype="uint8").reshape(4, 5)
    image = Image.from_array(pixels[..., None], affine=affine_of("coronal", 2))
    image.write(tmp_path / "image.png")
    np.testing.assert_array_equal(Image.read(tmp_path / "image.png").array, pixels)


def test_the_spacing_of_a_file_of_one_slice_can_be_replaced(tmp_path):
    saved(tmp_path / "image.nii.gz", texture(), affine_of("sagittal", 0), 0)
    image = Image.read(tmp_path / "image.nii.gz", spacing=0.5)
    assert image.grid.shape == (24, 20) and image.grid.volume is None
    np.testing.assert_allclose(image.grid.spacing, 0.5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mask_of_one_slice_lies_where_its_image_lies(axis):
    affine = affine_of("axial", 2)
    image = Image.from_array(texture()[..., None], affine=affine)
    mask = np.expand_dims(texture() > 0, axis)
    found = as_aligned_image(image, mask, "mask")
    assert found.grid == image.grid
    np.testing.assert_array_equal(found.array, texture() > 0)
