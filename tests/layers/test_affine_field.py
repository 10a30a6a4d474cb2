import numpy as np
import pytest

from kregzoo.layers import AffineField, AffineTransformer, SpatialTransformer
from tests.helpers import assert_close, assert_gradient, random_image, run_layer_test


def affine(ndim, batch=2):
    noise = np.random.default_rng(0).normal(0, 0.1, (batch, ndim, ndim + 1))
    return (np.eye(ndim, ndim + 1) + noise).astype("float32")


@pytest.mark.parametrize("shape", [(7, 8), (5, 6, 7)])
def test_is_the_matrix_about_the_center(shape, tmp_path):
    image, matrix = random_image((2, *shape, 1)), affine(len(shape))
    output = run_layer_test(
        AffineField, {}, [matrix, image], (2, *shape, len(shape)), tmp_path
    )
    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    about = points - (np.array(shape) - 1) / 2
    moved = np.einsum("bij,...j->b...i", matrix[..., :-1], about)
    shift = matrix[..., -1].reshape(2, *[1] * len(shape), len(shape))
    assert_close(output, moved + shift - about, atol=1e-4)


def test_warps_as_the_affine_transformer_does():
    image, matrix = random_image((2, 9, 8, 1)), affine(2)
    warped = SpatialTransformer()([image, AffineField()([matrix, image])])
    assert_close(warped, np.array(AffineTransformer()([image, matrix])), atol=1e-4)


def test_gradient():
    image = random_image((1, 5, 6, 1))
    assert_gradient(lambda matrix: AffineField()([matrix, image]), affine(2, 1))
