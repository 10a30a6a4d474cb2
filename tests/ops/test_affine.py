import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy
from scipy.spatial.transform import Rotation

from kregzoo.ops.affine import (
    affine_grid,
    affine_matrix,
    affine_to_displacement,
    compose_affine,
    invert_affine,
    rigid_matrix,
)

rng = np.random.default_rng(0)


def random_affines(ndim, batch=3):
    affine = rng.normal(size=(batch, ndim, ndim + 1), scale=0.3)
    affine[..., :ndim] += np.eye(ndim)
    return affine.astype("float32")


@pytest.mark.parametrize("shape", [(5, 8), (4, 5, 6)])
def test_affine_grid_and_displacement_match_the_formula(shape):
    affine = random_affines(len(shape))
    x = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    center = (np.array(shape) - 1) / 2
    expected = np.einsum("bij,...j->b...i", affine[..., :-1], x - center) + center
    expected += affine[:, *(None,) * len(shape), :, -1]
    np.testing.assert_allclose(
        to_numpy(affine_grid(affine, shape)), expected, atol=1e-5
    )
    displacement = to_numpy(affine_to_displacement(affine, shape))
    np.testing.assert_allclose(displacement, expected - x, atol=1e-5)


def test_zero_parameters_are_the_identity():
    for matrix, count in [(rigid_matrix, 3), (rigid_matrix, 6)] + [
        (affine_matrix, 6),
        (affine_matrix, 12),
    ]:
        actual = to_numpy(matrix(np.zeros((2, count))))
        ndim = actual.shape[1]
        np.testing.assert_array_equal(actual, [np.eye(ndim, ndim + 1)] * 2)


def test_rigid_matrix_2d_is_a_rotation_and_a_translation():
    angle = 0.3
    matrix = to_numpy(rigid_matrix([[4.0, -5.0, angle]]))[0]
    cos, sin = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(matrix, [[cos, -sin, 4], [sin, cos, -5]], rtol=1e-6)


def test_rigid_matrix_3d_matches_scipy_intrinsic_angles():
    parameters = rng.normal(size=(4, 6))
    matrix = to_numpy(rigid_matrix(parameters))
    expected = Rotation.from_euler("XYZ", parameters[:, 3:]).as_matrix()
    np.testing.assert_allclose(matrix[..., :3], expected, atol=1e-6)
    np.testing.assert_allclose(matrix[..., 3], parameters[:, :3], rtol=1e-6)


@pytest.mark.parametrize("ndim", [2, 3])
def test_affine_matrix_is_rotation_times_shear_times_scale(ndim):
    angles = 1 if ndim == 2 else 3
    parameters = rng.normal(size=(2, 2 * ndim + 2 * angles), scale=0.5)
    pose, scale, shear = np.split(parameters, [ndim + angles, 2 * ndim + angles], 1)
    rigid = to_numpy(rigid_matrix(pose))
    expected = rigid.copy()
    for i in range(2):
        upper = np.eye(ndim)
        upper[np.triu_indices(ndim, 1)] = shear[i]
        expected[i, :, :-1] = rigid[i, :, :-1] @ upper @ np.diag(np.exp(scale[i]))
    actual = to_numpy(affine_matrix(parameters))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("ndim", [2, 3])
def test_compose_and_invert_are_those_of_homogeneous_matrices(ndim):
    def homogeneous(affine):
        last = np.broadcast_to(np.eye(ndim + 1)[-1:], (len(affine), 1, ndim + 1))
        return np.concatenate([affine, last], axis=1)

    outer, inner = random_affines(ndim), random_affines(ndim)
    composed = homogeneous(to_numpy(compose_affine(outer, inner)))
    np.testing.assert_allclose(
        composed, homogeneous(outer) @ homogeneous(inner), atol=1e-5
    )
    inverse = homogeneous(to_numpy(invert_affine(outer)))
    np.testing.assert_allclose(
        inverse, np.linalg.inv(homogeneous(outer)), rtol=1e-3, atol=1e-4
    )


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(st.lists(st.floats(-1, 1, width=32), min_size=12, max_size=12))
def test_an_affine_and_its_inverse_cancel(parameters):
    affine = affine_matrix([parameters])
    identity = to_numpy(compose_affine(invert_affine(affine), affine))
    np.testing.assert_allclose(identity[0], np.eye(3, 4), atol=1e-3)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="Received: shape \\(1, 3, 4\\)"):
        affine_grid(np.zeros((1, 3, 4)), (4, 4))
    with pytest.raises(ValueError, match="Received: shape \\(1, 3, 3\\)"):
        invert_affine(np.zeros((1, 3, 3)))
    with pytest.raises(ValueError, match="n in \\[3, 6\\]"):
        rigid_matrix(np.zeros((1, 5)))
    with pytest.raises(ValueError, match="n in \\[6, 12\\]"):
        affine_matrix(np.zeros((1, 7)))
