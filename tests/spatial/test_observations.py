import numpy as np
import pytest

from kregzoo.spatial import AffineTransform, Grid, Image
from kregzoo.spatial.observations import HeightView, VolumeView
from tests.helpers import assert_close
from tests.phantoms import Phantom, linear_map, rotated_grid


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_view_is_what_resampling_gives(ndim):
    phantom = Phantom(ndim, radius=30.0)
    moving = phantom.image(rotated_grid((24,) * ndim, 3.0, 20.0))
    fixed = phantom.image(rotated_grid((20,) * ndim, 4.0, 0.0))
    grid = Grid.centred((16,) * ndim, 5.0)
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
    return Image(array, Grid.centred(shape, 1.0))


def test_heights_are_those_of_the_side_that_is_seen():
    moving, fixed = slab(1, 7), slab(3, 5)
    seen = HeightView(moving, fixed, fixed.grid).observe(np.eye(4))
    assert seen.shape == (8, 6, 3)
    assert_close(seen[3, 2], [0.5, 0.7, 0.5 * 6 / 10])
    assert_close(seen[0, 0], [0.0, 0.0, 0.0])


def test_a_body_that_comes_nearer_is_higher():
    body = slab(2, 6)
    view = HeightView(body, body, body.grid)
    # What lies at y in the fixed world is looked for 2 mm further back.
    nearer = np.eye(4)
    nearer[1, 3] = -2.0
    seen = view.observe(nearer)
    assert_close(seen[3, 2, :2], [0.6, 0.8])
