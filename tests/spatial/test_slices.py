import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Grid,
    Image,
    VelocityTransform,
    as_aligned_image,
    flatten,
    lift,
    read_transform,
)

TURN = Rotation.from_euler("xyz", [20, -10, 30], degrees=True).as_matrix()
AXES = {"axial": [0, 1, 2], "coronal": [0, 2, 1], "sagittal": [1, 2, 0]}


def affine_of(
    view, axis, oblique=False, origin=(70.0, -60.0, 37.0), spacing=(1.5, 1.2)
):
    """Make the affine of a volume of one slice, 8 mm thick, with flips."""
    columns = np.eye(3)[:, AXES[view]] * [-spacing[0], spacing[1], 8.0]
    columns = TURN @ columns if oblique else columns
    affine = np.eye(4)
    affine[:3, :3] = np.insert(columns[:, :2], axis, columns[:, 2], axis=1)
    affine[:3, 3] = origin
    return affine


def texture(seed=0, shape=(24, 20)):
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, 1.5).astype("float32")


def saved(path, pixels, affine, axis):
    nib.Nifti1Image(np.expand_dims(pixels, axis), affine).to_filename(path)
    return Image.read(path)


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
    np.testing.assert_allclose(turned.centre, grid.volume.centre)
    np.testing.assert_allclose(grid.resampled(3.0).volume.centre, grid.volume.centre)
    assert Grid((4, 4), np.eye(3)).volume is None
    with pytest.raises(ValueError, match="2-D grid"):
        Grid((4, 4, 4), np.eye(4), plane=grid.plane)


def test_a_slice_of_unknown_thickness_is_a_millimetre_thick():
    affine = affine_of("axial", 2)
    affine[:3, 2] = 0
    volume = Image.from_array(texture()[..., None], affine=affine).grid.volume
    np.testing.assert_allclose(volume.spacing, (1.5, 1.2, 1.0))


def deformation(grid):
    field = ndimage.gaussian_filter(
        np.random.default_rng(5).normal(size=(*grid.shape, 2)), (2, 2, 0)
    )
    return (3 * field / np.abs(field).max()).astype("float32")


def make_transform(kind, grid):
    turn = np.eye(3)
    turn[:2, :2] = Rotation.from_euler("z", 8, degrees=True).as_matrix()[:2, :2]
    turn[:2, 2] = grid.centre - turn[:2, :2] @ grid.centre + [1.0, -2.0]
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
    shift.matrix[:2, 2] = moving.grid.centre - fixed.grid.centre
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
    # The file gives the same result here.
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
    # Lifting it again, with another transform, does not change it.
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


@pytest.mark.parametrize("shape", [(1, 24, 20), (24, 1, 20), (1, 24, 20, 1)])
def test_an_array_of_one_slice_is_refused_with_advice(shape):
    with pytest.raises(ValueError, match="numpy.squeeze.*Received") as error:
        Image.from_array(texture().reshape(shape))
    assert "overlap" not in str(error.value)


def test_the_spacing_of_a_file_of_one_slice_can_be_replaced(tmp_path):
    saved(tmp_path / "image.nii.gz", texture(), affine_of("sagittal", 0), 0)
    image = Image.read(tmp_path / "image.nii.gz", spacing=0.5)
    assert image.grid.shape == (24, 20) and image.grid.volume is None
    np.testing.assert_allclose(image.grid.spacing, 0.5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mask_of_one_slice_has_the_grid_of_its_image(axis):
    affine = affine_of("axial", 2)
    image = Image.from_array(texture()[..., None], affine=affine)
    mask = np.expand_dims(texture() > 0, axis)
    found = as_aligned_image(image, mask, "mask")
    assert found.grid == image.grid
    np.testing.assert_array_equal(found.array, texture() > 0)
