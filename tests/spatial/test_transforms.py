import numpy as np
import pytest
import scipy.ndimage
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Grid,
    Image,
    VelocityTransform,
    from_itk,
    itk,
    read_transform,
)
from tests.spatial.random_maps import make_affine, make_field, make_transform, points_in

SHAPE = (16, 13, 14)
KINDS = ["affine", "displacement", "velocity", "composite"]
few = settings(max_examples=8, deadline=None)
seeds = st.integers(0, 2**32 - 1)
dimensions = st.sampled_from([2, 3])
kinds = st.sampled_from(KINDS)


@few
@given(seeds, dimensions, kinds)
def test_points_agree_with_simpleitk(random_grid, seed, ndim, kind):
    grid = random_grid(seed, ndim, SHAPE)
    transform = make_transform(kind, seed, grid)
    # Some points lie outside, where fields end.
    points = points_in(grid, seed, margin=-2.0)
    lps = np.diag(itk.flip_world(ndim))[:-1]
    exported = transform.to_itk()
    expected = [exported.TransformPoint((p * lps).tolist()) for p in points]
    np.testing.assert_allclose(
        transform.apply_points(points), np.array(expected) * lps, atol=0.01
    )


@few
@given(seeds, dimensions, kinds, st.booleans())
def test_images_agree_with_simpleitk(random_image, seed, ndim, kind, labels):
    moving = random_image(seed, ndim, SHAPE)
    # The fixed grid has other voxels over about the same region.
    fixed = moving.grid.resampled(moving.grid.spacing * 0.9)
    transform = make_transform(kind, seed, fixed)
    result = transform.apply(moving, fixed, "nearest" if labels else "linear")
    expected, _ = itk.from_image(
        sitk.Resample(
            itk.to_image(moving.array, moving.grid),
            itk.to_image(np.zeros(fixed.shape, "float32"), fixed),
            transform.to_itk(),
            sitk.sitkNearestNeighbor if labels else sitk.sitkLinear,
        )
    )
    # A voxel within rounding of an edge may fall on either side of it.
    differs = np.abs(result.array - expected) > 1e-3
    assert np.count_nonzero(differs) <= 1
    assert np.count_nonzero(expected) > 0.5 * expected.size
    same = ~differs
    assert np.corrcoef(result.array[same], expected[same])[0, 1] > 0.999


@few
@given(seeds, dimensions, kinds)
def test_itk_and_back(random_grid, seed, ndim, kind):
    grid = random_grid(seed, ndim, SHAPE)
    transform = make_transform(kind, seed, grid)
    points = points_in(grid, seed, margin=-2.0)
    again = from_itk(transform.to_itk())
    np.testing.assert_allclose(
        again.apply_points(points), transform.apply_points(points), atol=1e-3
    )
    if kind == "displacement":
        assert again.grid == grid
        np.testing.assert_allclose(
            again.displacement, transform.displacement, atol=1e-4
        )


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("affine", ".tfm"),
        ("affine", ".txt"),
        ("displacement", ".nii.gz"),
        ("displacement", ".mha"),
        ("velocity", ".nii.gz"),
        ("affine", ".TFM"),
        ("affine", ".H5"),
        ("displacement", ".Nii.gz"),
        ("displacement", ".MHA"),
        *((kind, ".h5") for kind in KINDS),
    ],
)
def test_save_then_read(tmp_path, random_grid, kind, suffix, ndim):
    grid = random_grid(7, ndim, SHAPE)
    transform = make_transform(kind, 7, grid)
    path = tmp_path / f"transform{suffix}"
    transform.save(path)
    assert list(tmp_path.iterdir()) == [path]
    points = points_in(grid, 0)
    np.testing.assert_allclose(
        read_transform(path).apply_points(points),
        transform.apply_points(points),
        atol=0.01,
    )


@pytest.mark.parametrize("ndim", [2, 3])
def test_saved_field_is_itks(tmp_path, random_grid, ndim):
    grid = random_grid(4, ndim, SHAPE)
    transform = make_transform("displacement", 4, grid)
    transform.save(tmp_path / "field.nii.gz")
    field = sitk.ReadImage(str(tmp_path / "field.nii.gz"), sitk.sitkVectorFloat64)
    points = points_in(grid, 0)
    lps = np.diag(itk.flip_world(ndim))[:-1]
    read = sitk.DisplacementFieldTransform(field)
    expected = [read.TransformPoint((point * lps).tolist()) for point in points]
    np.testing.assert_allclose(
        transform.apply_points(points), np.array(expected) * lps, atol=0.01
    )


def test_composite_saved_as_one_field(tmp_path, random_grid):
    grid = random_grid(4, 3, SHAPE)
    transform = make_transform("composite", 4, grid)
    transform.save(tmp_path / "field.nii.gz")
    read = read_transform(tmp_path / "field.nii.gz")
    voxels = grid.voxel_to_world(np.stack(np.indices(grid.shape), -1).reshape(-1, 3))
    np.testing.assert_allclose(
        read.apply_points(voxels), transform.apply_points(voxels), atol=0.01
    )


@few
@given(seeds, dimensions, kinds)
def test_inverse_undoes(random_grid, seed, ndim, kind):
    grid = random_grid(seed, ndim, SHAPE)
    transform = make_transform(kind, seed, grid)
    points = points_in(grid, seed, margin=4.0)
    forth = transform.apply_points(points)
    back = transform.inverse().apply_points(forth)
    # Fields are inverted voxel by voxel, and interpolated between.
    tolerance = 1e-9 if kind == "affine" else 0.15 * grid.spacing.max()
    np.testing.assert_allclose(back, points, atol=tolerance)
    assert np.abs(back - points).mean() < 0.2 * np.abs(forth - points).mean()


@few
@given(seeds, dimensions, kinds, kinds)
def test_compose_applies_this_one_first(random_grid, seed, ndim, first, second):
    grid = random_grid(seed, ndim, SHAPE)
    first, second = (
        make_transform(first, seed, grid),
        make_transform(second, seed + 1, grid),
    )
    points = points_in(grid, seed)
    np.testing.assert_allclose(
        first.compose(second).apply_points(points),
        second.apply_points(first.apply_points(points)),
        atol=1e-3,
    )


@few
@given(seeds, dimensions, kinds, kinds, kinds)
def test_compose_is_associative(random_grid, seed, ndim, first, second, third):
    grid = random_grid(seed, ndim, SHAPE)
    a, b, c = (
        make_transform(kind, seed + n, grid)
        for n, kind in enumerate((first, second, third))
    )
    points = points_in(grid, seed)
    np.testing.assert_allclose(
        a.compose(b).compose(c).apply_points(points),
        a.compose(b.compose(c)).apply_points(points),
        atol=1e-3,
    )


@few
@given(seeds, dimensions, kinds)
def test_compose_with_the_inverse_is_the_identity(random_grid, seed, ndim, kind):
    grid = random_grid(seed, ndim, SHAPE)
    transform = make_transform(kind, seed, grid)
    points = points_in(grid, seed, margin=4.0)
    for there, back in (
        (transform, transform.inverse()),
        (transform.inverse(), transform),
    ):
        found = there.compose(back).apply_points(points)
        np.testing.assert_allclose(found, points, atol=0.15 * grid.spacing.max())


@few
@given(seeds, dimensions)
def test_an_affine_is_its_dense_field(random_grid, random_image, seed, ndim):
    image = random_image(seed, ndim)
    affine = make_affine(seed, image.grid)
    dense = DisplacementTransform(affine.displacement_on(image.grid), image.grid)
    points = points_in(image.grid, seed)
    np.testing.assert_allclose(
        dense.apply_points(points), affine.apply_points(points), atol=1e-3
    )
    np.testing.assert_allclose(
        dense.apply(image).array, affine.apply(image, image.grid).array, atol=5e-3
    )


@few
@given(seeds, dimensions, kinds)
def test_points_go_where_the_image_comes_from(random_grid, seed, ndim, kind):
    """A blob of the moving image is seen where points are taken to its middle from."""
    grid = random_grid(seed, ndim, SHAPE)
    transform = make_transform(kind, seed, grid)
    middle = points_in(grid, seed, margin=5.0)[0]
    index = np.stack(np.indices(grid.shape), -1).reshape(-1, ndim)
    voxels = grid.voxel_to_world(index)
    # In voxels, so that the border cuts no part of the blob.
    away = np.linalg.norm(index - grid.world_to_voxel(middle), axis=1)
    blob = Image(np.exp(-((away / 1.5) ** 2)).reshape(grid.shape), grid)
    warped = transform.apply(blob, grid).array.ravel()
    seen = (voxels * warped[:, None]).sum(axis=0) / warped.sum()
    error = np.linalg.norm(transform.apply_points(seen[None])[0] - middle)
    assert error < 0.5 * grid.spacing.max()


@few
@given(seeds, dimensions)
def test_displacement_on_its_grid_is_the_displacement(random_grid, seed, ndim):
    grid = random_grid(seed, ndim)
    field = make_field(seed, grid)
    np.testing.assert_allclose(
        DisplacementTransform(field, grid).displacement_on(grid), field, atol=1e-4
    )


def test_displacement_on_another_grid():
    grid = Grid.centered((16, 16), 2.0, orientation="RA")
    fine = grid.resampled(0.5)
    shift = DisplacementTransform(np.full((16, 16, 2), (1.0, -2.0)), grid)
    np.testing.assert_allclose(
        shift.displacement_on(fine), np.full((64, 64, 2), (4.0, -8.0)), atol=1e-4
    )
    affine = AffineTransform([[1, 0, 3], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(
        affine.displacement_on(fine), np.full((64, 64, 2), (6.0, 0.0)), atol=1e-4
    )


def test_velocity_is_the_exponential_map():
    """The flow of a linear velocity field is the exponential of its matrix."""
    grid = Grid.centered((33, 33), orientation="RA")
    matrix = np.array([[0.1, -0.2], [0.2, 0.05]])
    velocity = grid.voxel_to_world(np.stack(np.indices(grid.shape), -1)) @ matrix.T
    points = points_in(grid, 0, margin=9.0)
    np.testing.assert_allclose(
        VelocityTransform(velocity, grid).apply_points(points),
        points @ scipy.linalg.expm(matrix).T,
        atol=0.02,
    )


def test_apply_pulls_on_the_transforms_own_grid(random_image):
    image = random_image(0, 3)
    grid = Grid(image.grid.shape, image.grid.affine)
    step = np.zeros((*grid.shape, 3))
    step[..., 0] = 1
    result = DisplacementTransform(step, grid).apply(image)
    np.testing.assert_allclose(result.array[:-1], image.array[1:], atol=1e-3)
    assert result.grid == grid


def test_apply_points_takes_any_number():
    grid = Grid.centered((8, 8), orientation="RA")
    shift = DisplacementTransform(np.ones((8, 8, 2)), grid)
    for count in (0, 1, 2, 3, 5):
        points = np.zeros((count, 2))
        np.testing.assert_allclose(shift.apply_points(points), points + 1)


def test_folded_field_has_no_inverse():
    grid = Grid.centered((8, 8))
    field = np.zeros((8, 8, 2))
    field[4, 4] = 3.0
    with pytest.raises(ValueError, match="folds"):
        DisplacementTransform(field, grid).inverse()


@pytest.mark.parametrize(
    "matrix",
    [np.zeros((3, 3)), np.eye(2), np.eye(3)[:2], np.diag([1, np.nan, 1]), 3.0],
)
def test_impossible_matrices(matrix):
    with pytest.raises(ValueError, match="`matrix`"):
        AffineTransform(matrix)


@pytest.mark.parametrize(
    ("field", "message"),
    [(np.zeros((4, 4)), "to fit its grid"), (np.full((4, 4, 2), np.nan), "finite")],
)
def test_impossible_fields(field, message):
    grid = Grid.centered((4, 4))
    with pytest.raises(ValueError, match=f"`displacement` must be .*{message}"):
        DisplacementTransform(field, grid)
    with pytest.raises(ValueError, match=f"`velocity` must be .*{message}"):
        VelocityTransform(field, grid)


def test_impossible_composites():
    with pytest.raises(ValueError, match="`transforms`"):
        CompositeTransform([])
    with pytest.raises(ValueError, match="`transforms`"):
        CompositeTransform([AffineTransform(np.eye(3)), AffineTransform(np.eye(4))])


def test_a_composite_lies_where_its_first_transform_does(tmp_path):
    grid = Grid.centered((4, 4), 1.0, (100.0, 0.0))
    field = DisplacementTransform(np.zeros((4, 4, 2)), grid)
    affine = AffineTransform(np.eye(3))
    assert CompositeTransform([field, affine]).grid == grid
    # Behind an affine a field lies in another space.
    behind = CompositeTransform([affine, field])
    with pytest.raises(ValueError, match="`grid` is required"):
        behind.apply(np.eye(4))
    with pytest.raises(ValueError):
        behind.save(tmp_path / "field.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_labels_are_not_interpolated_unless_asked():
    half = AffineTransform([[1, 0, 0.5], [0, 1, 0], [0, 0, 1]])
    labels = Image.from_array(np.kron([[3, 9], [9, 3]], np.ones((4, 4))), spacing=1.0)
    with pytest.warns(UserWarning, match="looks like a map of labels") as caught:
        warped = half.apply(labels, labels.grid)
    assert caught[0].filename == __file__
    assert set(np.unique(warped.array)) <= {0, 3, 9}
    assert 6.0 in half.apply(labels, labels.grid, "linear").array


def test_impossible_uses(tmp_path):
    affine = AffineTransform(np.eye(3))
    with pytest.raises(ValueError, match="`grid` is required"):
        affine.apply(np.eye(4))
    with pytest.raises(ValueError, match=r"`points` must be \(N, 2\)"):
        affine.apply_points(np.zeros((4, 3)))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="`points` must be finite.* 1 points"):
            affine.apply_points([[0.0, 1.0], [bad, 2.0]])
    with pytest.raises(ValueError, match="This transform is 2-D"):
        affine.displacement_on(Grid.centered((4, 4, 4)))
    with pytest.raises(ValueError, match="`image`"):
        affine.apply(tmp_path / "none.nii", Grid.centered((4, 4)))


@pytest.mark.parametrize("name", ["affine.nii.gz", "affine.xyz", "none/affine.tfm"])
def test_impossible_saving_leaves_no_file(tmp_path, name):
    with pytest.raises(ValueError, match="Received"):
        AffineTransform(np.eye(3)).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_field_is_not_saved_as_text(tmp_path):
    field = DisplacementTransform(np.zeros((4, 4, 2)), Grid.centered((4, 4)))
    with pytest.raises(ValueError, match="cannot store a DisplacementTransform"):
        field.save(tmp_path / "field.tfm")


@pytest.mark.parametrize("name", ["none.h5", "bad.h5", "bad.tfm", "bad.nii.gz"])
def test_reading_what_is_no_transform(tmp_path, name):
    for suffix in (".h5", ".tfm", ".nii.gz"):
        (tmp_path / f"bad{suffix}").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="Received: path"):
        read_transform(tmp_path / name)


def test_reading_an_image_as_a_field(tmp_path, random_image):
    random_image(0, 3).write(tmp_path / "image.nii.gz")
    with pytest.raises(ValueError, match="3 components"):
        read_transform(tmp_path / "image.nii.gz")


def test_itk_transforms_of_other_kinds():
    spline = sitk.BSplineTransform(2, 3)
    with pytest.raises(ValueError, match="TransformToDisplacementField"):
        from_itk(spline)
    rigid = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, 0.2, 0.3, (4.0, 5.0, 6.0))
    point = np.array([7.0, 8.0, 9.0])
    lps = np.array([-1, -1, 1])
    np.testing.assert_allclose(
        from_itk(rigid).apply_points([point])[0],
        np.array(rigid.TransformPoint((point * lps).tolist())) * lps,
    )
