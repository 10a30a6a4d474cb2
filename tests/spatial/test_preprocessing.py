import json

import numpy as np
import pytest

from kregzoo.spatial import Image, Preprocessor
from kregzoo.spatial.preprocessing import foreground_box
from tests.phantoms import Phantom, rotated_grid


@pytest.mark.parametrize("ndim", [2, 3])
def test_intensities_of_any_scale_go_from_zero_to_one(ndim):
    rng = np.random.default_rng(0)
    array = np.zeros((20,) * ndim)
    array[(slice(4, 16),) * ndim] = rng.uniform(100.0, 200.0, (12,) * ndim)
    frame = Preprocessor(1.0, ((32,) * ndim,))
    result = frame.normalize(Image.from_array(array, name="scan"))
    assert result.name == "scan" and result.array.dtype == "float32"
    assert result.array.min() == 0.0 and result.array.max() == 1.0
    other = frame.normalize(Image.from_array(7.0 * array - 1000.0))
    np.testing.assert_allclose(other.array, result.array, atol=1e-4)
    integers = frame.normalize(Image.from_array(array.astype("int16")))
    np.testing.assert_allclose(integers.array, result.array, atol=0.01)


def test_the_percentile_of_the_foreground_becomes_one():
    array = np.zeros((30, 30))
    array[5:25, 5:25] = np.linspace(50.0, 150.0, 400).reshape(20, 20)
    result = Preprocessor(1.0, ((32, 32),), percentile=90.0).normalize(
        Image.from_array(array)
    )
    expected = np.clip(array / 140.0, 0, 1)
    np.testing.assert_allclose(result.array, expected, atol=1e-5)


def test_a_few_voxels_below_the_background_do_not_lift_it():
    array = np.zeros((40, 40, 40))
    array[10:30, 10:30, 10:30] = 100.0
    # As cubic interpolation produces at an edge.
    array[9, 10:30, 10:15] = -30.0
    frame = Preprocessor(1.0, ((32, 32, 32),))
    result = frame.normalize(Image.from_array(array))
    np.testing.assert_array_equal(result.array, np.clip(array / 100.0, 0, 1))
    low, high = foreground_box(result)
    np.testing.assert_allclose(high - low, 20.0)


@pytest.mark.parametrize("shape", [(64, 64), (40, 40, 40)])
@pytest.mark.parametrize("spike", [10.0, 60.0, 1e6, -1e6])
@pytest.mark.parametrize("count", [1, 5])
def test_a_few_outliers_do_not_change_the_scale(shape, spike, count):
    rng = np.random.default_rng(0)
    array = np.zeros(shape)
    array[(slice(8, -8),) * len(shape)] = rng.uniform(0.1, 1.0, [n - 16 for n in shape])
    frame = Preprocessor(1.0, ((64,) * len(shape),))
    expected = frame.normalize(Image.from_array(array))
    changed = array.copy()
    where = tuple(rng.integers(8, min(shape) - 8, (len(shape), count)))
    changed[where] = spike
    result = frame.normalize(Image.from_array(changed))
    kept = np.ones(shape, bool)
    kept[where] = False
    np.testing.assert_allclose(result.array[kept], expected.array[kept], atol=0.01)
    assert set(result.array[where]) == {float(spike > 0)}
    grids = [frame.canonical_grid(image) for image in (expected, result)]
    assert grids[0] == grids[1]


@pytest.mark.parametrize("background", [np.nan, -32768.0, 0.0])
def test_voxels_without_a_measurement_are_black(background):
    scan = np.random.default_rng(0).normal(size=(30, 30, 30))
    array = np.full((40, 40, 40), background)
    array[5:35, 5:35, 5:35] = scan
    result = Preprocessor(1.0, ((32,) * 3,)).normalize(Image.from_array(array))
    low, high = np.percentile(scan, (0.5, 99.5))
    expected = np.clip((scan - low) / (high - low), 0, 1)
    inside = result.array[5:35, 5:35, 5:35]
    np.testing.assert_allclose(inside, expected, atol=0.02)
    assert result.array[0, 0, 0] == 0.0
    for edge, limit in zip(foreground_box(result), (4.5, 34.5), strict=True):
        np.testing.assert_allclose(edge, limit, atol=1.0)


def test_a_bright_image_with_few_dark_voxels_has_contrast():
    array = np.full((32, 32), 250.0)
    array[4, 5:8] = 10.0
    result = Preprocessor(1.0, ((32, 32),)).normalize(Image.from_array(array))
    np.testing.assert_array_equal(result.array, (array > 100).astype("float32"))


@pytest.mark.parametrize("ndim", [2, 3])
def test_foreground_box_is_that_of_the_voxels_in_the_world(ndim):
    grid = rotated_grid((20, 24, 16)[:ndim], 2.0, 90.0, np.arange(ndim))
    array = np.zeros(grid.shape)
    array[(slice(6, 10),) * ndim] = 1.0
    low, high = foreground_box(Image(array, grid))
    # Axis 0 runs along y, axis 1 against x. The box includes the faces of the voxels.
    corners = grid.voxel_to_world([[5.5] * ndim, [9.5] * ndim])
    np.testing.assert_allclose(low, corners.min(axis=0))
    np.testing.assert_allclose(high, corners.max(axis=0))
    np.testing.assert_allclose(high - low, 8.0)


@pytest.mark.parametrize("degrees", [0.0, 30.0])
def test_canonical_grid_holds_the_foreground_in_the_first_shape_that_does(degrees):
    image = Phantom(3, radius=20.0).image(rotated_grid((40, 40, 40), 2.0, degrees))
    shapes = ((16, 16, 16), (48, 32, 32), (32, 32, 32), (96, 96, 96))
    frame = Preprocessor(2.0, shapes)
    image = frame.normalize(image)
    grid = frame.canonical_grid(image)
    assert grid.shape in ((48, 32, 32), (32, 32, 32), (96, 96, 96))
    assert grid.orientation == "RAS"
    np.testing.assert_allclose(grid.spacing, 2.0)
    low, high = foreground_box(image)
    needed = (high - low) / 2.0
    earlier = shapes[: shapes.index(grid.shape)]
    assert (needed <= grid.shape).all()
    assert not any((needed <= shape).all() for shape in earlier)
    np.testing.assert_allclose(grid.center, (low + high) / 2)


def test_an_image_too_large_gets_the_multiple_that_it_needs():
    image = Image.from_array(np.ones((50, 33)), spacing=1.0)
    frame = Preprocessor(1.0, ((16, 16), (32, 32)))
    # The rows of a picture run along y, and so does the first axis of the grid.
    grid = frame.canonical_grid(image)
    assert sorted(grid.shape) == [48, 64]
    low, high = foreground_box(image)
    points = np.array([low, high])
    inside = grid.world_to_voxel(points)
    assert (inside > -0.5 - 1e-6).all()
    assert (inside < np.array(grid.shape) - 0.5 + 1e-6).all()


def test_config_goes_through_json():
    frame = Preprocessor(2.0, ((80, 96, 80), (96, 112, 96)), 32, 99.0)
    config = json.loads(json.dumps(frame.get_config()))
    assert Preprocessor.from_config(config) == frame
    assert frame.ndim == 3
