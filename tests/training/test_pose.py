import numpy as np
import pytest

from kregzoo.ops import affine_grid
from kregzoo.spatial import Grid
from kregzoo.training import Pose
from kregzoo.training.pose import about_center


@pytest.mark.parametrize("ndim", [2, 3])
def test_pose_is_what_it_says(ndim):
    center = np.linspace(-20.0, 30.0, ndim)
    rng = np.random.default_rng(0)
    rotations = [Pose(rotation=10.0).draw(rng, center) for _ in range(200)]
    for matrix in rotations[:10]:
        linear = matrix[:-1, :-1]
        np.testing.assert_allclose(linear @ linear.T, np.eye(ndim), atol=1e-12)
        np.testing.assert_allclose(linear @ center + matrix[:-1, -1], center)
    angles = np.rad2deg([np.arctan2(m[1, 0], m[0, 0]) for m in rotations])
    assert 8.0 < angles.std() < 12.0

    shifts = [Pose(shift=2.0).draw(rng, center)[:-1, -1] for _ in range(200)]
    assert 1.7 < np.std(shifts) < 2.3
    scales = [np.diag(Pose(scale=0.1).draw(rng, center))[:-1] for _ in range(200)]
    assert 0.08 < np.log(scales).std() < 0.12

    flips = np.array([Pose(flip=True).draw(rng, center) for _ in range(200)])
    mirrored = np.linalg.det(flips) < 0
    assert 70 < mirrored.sum() < 130
    np.testing.assert_array_equal(flips[~mirrored][0], np.eye(ndim + 1))
    mirror = flips[mirrored][0]
    np.testing.assert_allclose(mirror[0, 0] * 5.0 + mirror[0, -1], 2 * center[0] - 5.0)
    np.testing.assert_array_equal(mirror[1:, 1:], np.eye(ndim))


def test_about_center_maps_voxels_as_the_matrix_does():
    grid = Grid.centered((5, 6, 7), 2.0)
    matrix = Pose(rotation=20.0, scale=0.2, shift=9.0).draw(
        np.random.default_rng(0), np.ones(3)
    )
    found = np.array(affine_grid(about_center(matrix, grid)[None], grid.shape))[0]
    voxels = np.moveaxis(np.indices(grid.shape), 0, -1)
    expected = voxels @ matrix[:-1, :-1].T + matrix[:-1, -1]
    np.testing.assert_allclose(found, expected, atol=1e-4)
