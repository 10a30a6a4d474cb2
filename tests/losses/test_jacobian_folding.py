import keras
import numpy as np
import pytest

from kregzoo import ops
from kregzoo.losses import JacobianFolding
from tests.helpers import assert_close, random_field, run_loss_test


def _determinant(displacement):
    """Determinant of `I + du/dx` of one sample by NumPy."""
    ndim = displacement.shape[-1]
    axes = tuple(range(ndim))
    gradient = np.stack(np.gradient(displacement, axis=axes), axis=-1)
    return np.linalg.det(np.eye(ndim) + gradient)


@pytest.mark.parametrize("shape", [(12, 10), (8, 9, 7)])
def test_is_the_negative_part_of_numpys_determinant(shape):
    field = random_field(2, shape, amplitude=6.0, sigma=1.0)
    values = run_loss_test(JacobianFolding, {}, field, field, step=0.01)
    expected = [np.maximum(0, -_determinant(sample)).mean() for sample in field]
    assert min(expected) > 0.01
    assert_close(values, expected, rtol=1e-3)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_mirror_folds_everywhere_and_a_smooth_field_nowhere(ndim):
    mirror = np.zeros((1, *[8] * ndim, ndim), "float32")
    mirror[..., 0] = -2.0 * np.arange(8).reshape(-1, *[1] * (ndim - 1))
    assert_close(JacobianFolding().call(None, mirror), 1.0)
    assert_close(JacobianFolding().call(None, 0.4 * mirror), 0.0)


def test_descending_it_unfolds_a_field():
    field = random_field(1, (16, 16), amplitude=6.0, sigma=1.5)
    loss = JacobianFolding()
    before = np.mean(_determinant(field[0]) <= 0)
    assert before > 0.02
    for _ in range(30):
        value, (gradient,) = ops.value_and_grad(lambda u: loss(u, u), [field])
        gradient = keras.ops.convert_to_numpy(gradient)
        field = field - 0.1 * gradient / (np.abs(gradient).max() + 1e-12)
    assert np.mean(_determinant(field[0]) <= 0) < 0.25 * before
