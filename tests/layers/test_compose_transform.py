import numpy as np
import pytest
from scipy import ndimage

from kregzoo.layers import ComposeTransform
from tests.helpers import assert_close, assert_gradient, random_field, run_layer_test

SHAPES = [(12, 10), (9, 8, 10)]


def _affine(ndim, seed):
    noise = np.random.default_rng(seed).uniform(-0.05, 0.05, (1, ndim, ndim + 1))
    return (np.eye(ndim, ndim + 1) + noise).astype("float32")


def _displacement(affine, shape):
    """Displacement of an affine map about the center, evaluated anywhere."""
    center = (np.array(shape) - 1) / 2
    points = np.moveaxis(np.indices(shape), 0, -1) - center
    return (points @ affine[0, :, :-1].T + affine[0, :, -1] - points)[None]


@pytest.mark.parametrize("shape", SHAPES)
def test_displacements_compose_as_scipy_samples_them(shape, tmp_path):
    outer, inner = random_field(2, shape, seed=0), random_field(2, shape, seed=1)
    output = run_layer_test(ComposeTransform, {}, [outer, inner], inner.shape, tmp_path)
    points = np.moveaxis(np.indices(shape), 0, -1) + inner[0]
    for axis in range(len(shape)):
        sampled = ndimage.map_coordinates(
            outer[0, ..., axis], np.moveaxis(points, -1, 0), order=1, mode="nearest"
        )
        assert_close(output[0, ..., axis], inner[0, ..., axis] + sampled)
    assert_gradient(lambda u: ComposeTransform()([u, inner]), outer)


@pytest.mark.parametrize("shape", SHAPES)
def test_affines_compose_by_the_matrix_product(shape, tmp_path):
    ndim = len(shape)
    outer, inner = _affine(ndim, 0), _affine(ndim, 1)
    output = run_layer_test(ComposeTransform, {}, [outer, inner], inner.shape, tmp_path)
    bottom = np.eye(ndim + 1)[-1:]
    product = np.vstack([outer[0], bottom]) @ np.vstack([inner[0], bottom])
    assert_close(output[0], product[:-1])


@pytest.mark.parametrize("shape", SHAPES)
def test_an_affine_composes_with_a_displacement_on_either_side(shape, tmp_path):
    ndim = len(shape)
    affine, other = _affine(ndim, 0), _affine(ndim, 1)
    field = _displacement(other, shape).astype("float32")
    bottom = np.eye(ndim + 1)[-1:]
    for pair, matrices in (
        ([affine, field], (affine, other)),
        ([field, affine], (other, affine)),
    ):
        output = run_layer_test(ComposeTransform, {}, pair, field.shape, tmp_path)
        product = np.vstack([matrices[0][0], bottom]) @ np.vstack(
            [matrices[1][0], bottom]
        )
        expected = _displacement(product[None, :-1], shape)
        center = (0, *[slice(2, -2)] * ndim)  # away from the clamped border
        assert_close(output[center], expected[center], atol=1e-4)
