import numpy as np
import pytest

from kregzoo.training import Pose


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
