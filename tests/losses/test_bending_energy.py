import numpy as np
import pytest

from kregzoo.losses import BendingEnergy
from tests.helpers import assert_close, random_field, run_loss_test


@pytest.mark.parametrize("shape", [(9, 8), (7, 6, 8)])
def test_is_the_squared_hessian_of_a_quadratic(shape):
    ndim = len(shape)
    rng = np.random.default_rng(0)
    hessians = rng.normal(size=(ndim, ndim, ndim))
    hessians = 0.1 * (hessians + np.swapaxes(hessians, 1, 2))
    points = np.moveaxis(np.indices(shape), 0, -1)
    field = 0.5 * np.einsum("...i,kij,...j->...k", points, hessians, points)
    affine = points @ rng.normal(size=(ndim, ndim)) + 2.0
    field = np.stack([field + affine, affine]).astype("float32")
    expected = [np.sum(hessians**2), 0.0]
    assert_close(BendingEnergy().call(None, field), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("shape", [(9, 8), (7, 6, 8)])
def test_loss(shape):
    field = random_field(2, shape, sigma=1.0)
    run_loss_test(BendingEnergy, {}, field, field)
