import numpy as np
import pytest

from kregzoo.losses import NGF
from tests.helpers import assert_close, random_image, run_loss_test, run_mask_test


@pytest.mark.parametrize("shape", [(10, 9), (7, 8, 6)])
def test_is_the_squared_cosine_of_numpys_gradients(shape):
    fixed, warped = random_image((2, 2, *shape, 1))
    values = run_loss_test(NGF, {"epsilon": 0.1}, fixed, warped, step=0.02)
    axes = tuple(range(1, len(shape) + 1))
    g = np.stack(np.gradient(fixed.astype("float64"), axis=axes), axis=-1)
    h = np.stack(np.gradient(warped.astype("float64"), axis=axes), axis=-1)
    lengths = ((g**2).sum(-1) + 0.01) * ((h**2).sum(-1) + 0.01)
    cosine = (g * h).sum(-1) ** 2 / lengths
    assert_close(values, 1 - cosine.reshape(2, -1).mean(axis=1))
    run_mask_test(NGF(), fixed, warped)


def test_parallel_edges_match_whatever_their_contrast():
    ramp = np.tile(np.arange(8.0, dtype="float32")[:, None], (1, 8))[None, ..., None]
    across = np.swapaxes(ramp, 1, 2)
    loss = NGF(epsilon=1e-3)
    assert_close(loss(ramp, 1.0 - 3.0 * ramp), 0.0, atol=1e-4)
    assert_close(loss(ramp, across), 1.0)
    assert_close(loss(ramp, 0.0 * ramp), 1.0)


def test_rejects_an_epsilon_of_zero():
    with pytest.raises(ValueError, match="`epsilon` must be positive"):
        NGF(epsilon=0.0)
