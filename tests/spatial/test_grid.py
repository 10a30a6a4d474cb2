import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kregzoo.spatial import Grid, Image

seeds = st.integers(0, 2**32 - 1)
timeless = settings(deadline=None)
dimensions = st.sampled_from([2, 3])


def indices(grid):
    return np.stack(np.indices(grid.shape), axis=-1)


@timeless
@given(seeds, dimensions)
def test_voxels_and_world_are_inverse(random_grid, seed, ndim):
    grid = random_grid(seed, ndim)
    world = grid.voxel_to_world(indices(grid))
    np.testing.assert_allclose(
        world, nib.affines.apply_affine(grid.affine, indices(grid)), atol=1e-9
    )
    np.testing.assert_allclose(grid.world_to_voxel(world), indices(grid), atol=1e-9)


@timeless
@given(seeds, dimensions)
def test_coordinates_in_another_grid(random_grid, seed, ndim):
    grid, other = random_grid(seed, ndim), random_grid(seed + 1, ndim)
    expected = other.world_to_voxel(grid.voxel_to_world(indices(grid)))
    coordinates = grid.coordinates_in(other)
    assert coordinates.dtype == "float32"
    np.testing.assert_allclose(coordinates, expected, rtol=1e-5, atol=1e-4)


@timeless
@given(seeds, dimensions)
def test_properties_describe_the_affine(random_grid, seed, ndim):
    grid = random_grid(seed, ndim)
    corners = grid.voxel_to_world([np.zeros(ndim), np.array(grid.shape) - 1])
    np.testing.assert_allclose(grid.center, corners.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(
        grid.direction.T @ grid.direction, np.eye(ndim), atol=1e-9
    )
    np.testing.assert_allclose(
        grid.direction * grid.spacing, grid.affine[:-1, :-1], atol=1e-9
    )
    np.testing.assert_allclose(grid.extent, grid.spacing * grid.shape)


@timeless
@given(seeds, dimensions, st.integers(0, 5))
def test_padded_leaves_the_voxels_where_they_are(random_grid, seed, ndim, more):
    grid = random_grid(seed, ndim)
    padded = grid.padded(more)
    assert padded.shape == tuple(size + 2 * more for size in grid.shape)
    index = np.array(grid.shape) - 1
    np.testing.assert_allclose(
        padded.voxel_to_world(index + more), grid.voxel_to_world(index), atol=1e-6
    )


@timeless
@given(seeds, dimensions, st.floats(0.3, 4.0))
def test_resampled_keeps_the_field_of_view(random_grid, seed, ndim, spacing):
    grid = random_grid(seed, ndim)
    resampled = grid.resampled(spacing)
    np.testing.assert_allclose(resampled.spacing, spacing)
    np.testing.assert_allclose(resampled.center, grid.center, atol=1e-6)
    np.testing.assert_allclose(resampled.direction, grid.direction, atol=1e-9)
    assert (np.abs(resampled.extent - grid.extent) <= spacing * (0.5 + 1e-9)).all() or (
        min(resampled.shape) == 1
    )


@timeless
@given(seeds)
def test_reoriented_agrees_with_nibabel(random_grid, seed):
    grid = random_grid(seed, 3)
    canonical = nib.as_closest_canonical(
        nib.Nifti1Image(np.zeros(grid.shape, "float32"), grid.affine)
    )
    assert grid.reoriented() == Grid(canonical.shape, canonical.affine)
    assert grid.reoriented("LPI").orientation == "LPI"
    assert grid.reoriented("PSL").reoriented(grid.orientation) == grid


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "ASL", "PIR"])
def test_centered(orientation):
    grid = Grid.centered((3, 4, 5), (1, 2, 3), (10, 20, 30), orientation)
    assert grid.orientation == orientation
    np.testing.assert_allclose(grid.center, (10, 20, 30))
    np.testing.assert_allclose(grid.spacing, (1, 2, 3))
    assert np.count_nonzero(grid.direction) == 3


def test_centered_in_2d_is_a_picture():
    grid = Grid.centered((3, 4), 2.0)
    np.testing.assert_allclose(grid.affine, [[0, -2, 3], [-2, 0, 2], [0, 0, 1]])


@pytest.mark.parametrize("voxels", [1, 200, 10**6])
def test_slabs_cover_the_grid(random_grid, voxels):
    grid = random_grid(3, 3)
    world = np.full((*grid.shape, 3), np.nan)
    for rows, slab in grid.slabs(voxels):
        world[rows] = slab.voxel_to_world(indices(slab))
        assert np.prod(slab.shape) <= max(voxels, np.prod(grid.shape[1:]))
    np.testing.assert_allclose(world, grid.voxel_to_world(indices(grid)))


def test_grid_is_a_value(random_grid):
    grid = random_grid(0, 3)
    near = Grid(grid.shape, grid.affine + 1e-6 * np.eye(4, k=1))
    assert grid == near and hash(grid) == hash(near)
    assert grid != Grid(grid.shape, grid.affine @ np.diag([1.01, 1, 1, 1]))
    assert grid != Grid(np.array(grid.shape) + 1, grid.affine)
    assert grid != "grid"
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 2


def test_grid_takes_micrometer_voxels():
    assert Grid.centered((4, 4, 4), 1e-3).spacing[0] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("shape", "affine", "message"),
    [
        ((), np.eye(1), "2 or 3 sizes"),
        ((4, 0, 4), np.eye(4), "2 or 3 sizes"),
        ((4, 4, 4, 4), np.eye(5), "2 or 3 sizes"),
        ((4, 4), np.eye(4), r"must be \(3, 3\)"),
        ((4, 4), np.diag([1, np.nan, 1]), "finite"),
        ((4, 4), np.diag([1, 0, 1]), "invertible"),
        ((4, 4), [[1, 2, 0], [2, 4, 0], [0, 0, 1]], "invertible"),
        ((4, 4), [[1, 0, 0], [0, 1, 0], [1, 0, 1]], "last row"),
    ],
)
def test_impossible_grids(shape, affine, message):
    with pytest.raises(ValueError, match=message):
        Grid(shape, affine)


@pytest.mark.parametrize("orientation", ["RAS", "RR", "RX", ""])
def test_impossible_orientations(orientation):
    with pytest.raises(ValueError, match="orientation"):
        Grid.centered((4, 4), orientation=orientation)


@pytest.mark.parametrize("spacing", [0.0, -1.0, np.nan])
def test_impossible_spacing(spacing):
    with pytest.raises(ValueError, match="`spacing` must be positive"):
        Grid.centered((4, 4)).resampled(spacing)


def test_unit_stays_with_grids_of_the_same_world():
    grid = Grid((4, 6), np.eye(3), "pixel")
    others = [
        grid.resampled(0.5),
        grid.padded(2),
        grid.reoriented(),
        *(slab for _, slab in grid.slabs(6)),
    ]
    assert len(others) == 7
    assert {other.unit for other in others} == {"pixel"}
    assert grid == Grid((4, 6), np.eye(3))
    with pytest.raises(ValueError, match="`unit` must be"):
        Grid((4, 6), np.eye(3), "cm")


def test_an_image_on_a_grid_has_its_unit():
    picture = Image.from_array(np.eye(4))
    assert picture.unit == picture.reoriented("RA").unit == "pixel"
    assert Image.from_array(np.eye(4), spacing=1.0).unit == "mm"
    assert Image.from_array(np.ones((4, 4, 4))).unit == "mm"
    known = Grid.centered((4, 4))
    assert known.unit == picture.resample(known).unit == "mm"
    assert Image.from_array(np.eye(4), spacing=1).resample(picture.grid).unit == "pixel"


def test_british_spelling_is_the_same():
    grid = Grid.centred((4, 6), 2.0)
    assert grid == Grid.centered((4, 6), 2.0)
    np.testing.assert_array_equal(grid.centre, grid.center)
