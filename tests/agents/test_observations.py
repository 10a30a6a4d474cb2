import numpy as np
import pytest

from kregzoo.agents.observations import HeightView, VolumeView
from kregzoo.spatial import AffineTransform, Grid, Image
from tests.helpers import assert_close
from tests.phantoms import Phantom, linear_map, rotated_grid


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_view_is_what_resampling_gives(ndim):
    phantom = Phantom(ndim, radius=30.0)
    moving = phantom.image(rotated_grid((24,) * ndim, 3.0, 20.0))
    fixed = phantom.image(rotated_grid((20,) * ndim, 4.0, 0.0))
    grid = Grid.centered((16,) * ndim, 5.0)
    motion = linear_map(ndim, degrees=12.0, shift=6.0)
    matrix = np.eye(ndim + 1)
    matrix[:-1, -1] = motion(np.zeros((1, ndim)))[0]
    matrix[:-1, :-1] = motion(np.eye(ndim)).T - matrix[:-1, -1:]
    seen = VolumeView(moving, fixed, grid).observe(matrix)
    assert_close(seen[..., 0], moving.resample(grid, AffineTransform(matrix)).array)
    assert_close(seen[..., 1], fixed.resample(grid).array)


def slab(low, high, shape=(8, 10, 6)):
    """A body between two depths of a grid of 1 mm."""
    array = np.zeros(shape, "float32")
    array[2:6, low:high, 1:5] = 0.5
    return Image(array, Grid.centered(shape, 1.0))


def test_heights_are_those_of_the_side_that_is_seen():
    moving, fixed = slab(1, 7), slab(3, 5)
    seen = HeightView(moving, fixed, fixed.grid).observe(np.eye(4))
    assert seen.shape == (8, 6, 3)
    # Of the step from 0 to 0.5, 0.15 lies seven tenths of a voxel outside.
    assert_close(seen[3, 2], [0.47, 0.67, 0.5 * 6 / 10])
    assert_close(seen[0, 0], [0.0, 0.0, 0.0])


def test_a_body_that_comes_nearer_is_higher():
    body = slab(2, 6)
    view = HeightView(body, body, body.grid)
    # What lies at y in the fixed world is looked for 2 mm further back.
    nearer = np.eye(4)
    nearer[1, 3] = -2.0
    seen = view.observe(nearer)
    assert_close(seen[3, 2, :2], [0.57, 0.77])


def test_a_move_of_less_than_a_voxel_is_seen():
    array = np.zeros((4, 10, 4), "float32")
    # A ramp, so that the surface is where it says at any shift.
    array[:] = np.clip(0.1 * (8 - np.arange(10)), 0, 1)[None, :, None]
    body = Image(array, Grid.centered(array.shape, 1.0))
    shifted = np.eye(4)
    shifted[1, 3] = -0.3
    seen = HeightView(body, body, body.grid).observe(shifted)
    assert_close(seen[..., 0], 0.65)
    assert_close(seen[..., 1], 0.68)


def test_a_body_that_leaves_the_grid_is_as_high_as_can_be():
    body = slab(2, 10)
    assert HeightView(body, body, body.grid).observe(np.eye(4))[3, 2, 0] == 1.0
