import keras
import numpy as np
import pytest

from kregzoo.losses import TREError
from kregzoo.models import HaskinsTRE
from tests.helpers import random_image


def test_published_size():
    widths = [(2, 16), (16, 16), (16, 32), (32, 32), (32, 32)]
    widths += [(32, 64), (64, 64), (64, 128), (128, 128)]
    # With bias, and with scale, offset, mean and variance of the normalization.
    count = sum((27 * a + 5) * b for a, b in widths) + 129 * 256 + 257
    model = HaskinsTRE()
    assert model.count_params() == count
    assert model.output["tre"].shape == (None, 1)


@pytest.mark.parametrize("ndim", [2, 3])
def test_an_error_is_not_negative_whatever_the_size(ndim):
    model = HaskinsTRE((None,) * ndim + (1,), width=2, dense=4)
    for size in (12, 17):
        moving, fixed = random_image((2, 2, *[size] * ndim, 1))
        tre = model.predict_on_batch({"moving": moving, "fixed": fixed})["tre"]
        assert tre.shape == (2, 1) and (tre >= 0).all()


def test_learns_the_error_of_a_shift():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    image = random_image((1, 24, 24, 1), sigma=2.0)[0]
    shifts = rng.integers(0, 6, 32)
    images = {
        "moving": np.stack([np.roll(image, shift, axis=0) for shift in shifts]),
        "fixed": np.stack([image] * 32),
    }
    affine = np.tile(np.eye(2, 3, dtype="float32"), (32, 1, 1))
    affine[:, 0, 2] = shifts
    model = HaskinsTRE((24, 24, 1), width=4, dense=16)
    model.compile(keras.optimizers.Adam(1e-2), {"tre": TREError(8.0)})
    model.fit(images, {"affine": affine}, epochs=60, batch_size=16, verbose=0)
    found = model.predict_on_batch(images)["tre"][:, 0]
    assert np.corrcoef(found, shifts)[0, 1] > 0.9
