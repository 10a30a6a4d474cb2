import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from kregzoo.ops.derivatives import jacobian_determinant, spatial_gradient

rng = np.random.default_rng(0)


@pytest.mark.parametrize("spatial", [(2, 5), (4, 5, 6)])
def test_spatial_gradient_matches_numpy(spatial):
    field = rng.normal(size=(2, *spatial, 3)).astype("float32")
    axes = tuple(range(1, len(spatial) + 1))
    expected = np.stack(np.gradient(field, axis=axes), axis=-1)
    np.testing.assert_allclose(to_numpy(spatial_gradient(field)), expected, atol=1e-6)


@pytest.mark.parametrize("spatial", [(6, 5), (4, 5, 6)])
def test_jacobian_determinant_of_an_affine_field_is_that_of_its_matrix(spatial):
    ndim = len(spatial)
    matrix = np.eye(ndim) + rng.normal(size=(ndim, ndim), scale=0.4)
    grid = np.stack(np.meshgrid(*map(np.arange, spatial), indexing="ij"), axis=-1)
    displacement = (grid @ (matrix - np.eye(ndim)).T)[None]
    determinant = to_numpy(jacobian_determinant(displacement))
    assert determinant.shape == (1, *spatial)
    np.testing.assert_allclose(determinant, np.linalg.det(matrix), atol=1e-4)


@pytest.mark.parametrize("spatial", [(6, 5), (4, 5, 6)])
def test_jacobian_determinant_of_a_random_field_matches_numpy(spatial):
    displacement = rng.normal(size=(2, *spatial, len(spatial)))
    axes = tuple(range(1, len(spatial) + 1))
    jacobian = np.stack(np.gradient(displacement, axis=axes), axis=-1)
    expected = np.linalg.det(jacobian + np.eye(len(spatial)))
    actual = to_numpy(jacobian_determinant(displacement))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_a_fold_has_a_negative_determinant():
    flip = np.zeros((1, 5, 5, 2))
    flip[..., 0] = -2 * np.arange(5.0)[:, None]  # x -> -x along axis 0
    np.testing.assert_allclose(to_numpy(jacobian_determinant(flip)), -1)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="at least 2 voxels"):
        spatial_gradient(np.ones((1, 1, 4, 2)))
    with pytest.raises(ValueError, match="Received: shape \\(1, 4, 4, 3\\)"):
        jacobian_determinant(np.ones((1, 4, 4, 3)))
