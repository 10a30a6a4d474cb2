import keras
import numpy as np
import pytest

from kregzoo import losses
from tests.helpers import assert_close, random_image

IMAGE_LOSSES = [
    losses.NCC,
    losses.LNCC,
    losses.MI,
    losses.NMI,
    losses.SSIM,
    losses.NGF,
    losses.MINDSSC,
    losses.MSE,
    losses.Dice,
]


def _weights():
    weights = np.zeros((2, 16, 14), "float32")
    weights[0, 4:12], weights[1, :, 7:] = 2.0, 0.5
    return weights


def test_weights_of_voxels_are_those_of_keras():
    fixed, warped = random_image((2, 2, 16, 14, 1))
    expected = keras.losses.MeanSquaredError()(fixed, warped, _weights())
    assert_close(losses.MSE()(fixed, warped, _weights()), float(expected))


@pytest.mark.parametrize("loss", IMAGE_LOSSES)
def test_weights_of_voxels_are_a_mask_and_a_weight_of_the_sample(loss):
    fixed, warped = random_image((2, 2, 16, 14, 1))
    values = loss().call(
        *map(keras.ops.convert_to_tensor, (fixed, warped, _weights()[..., None]))
    )
    expected = np.mean(np.array(values) * [1.0, 0.25])
    assert_close(loss()(fixed, warped, _weights()), expected)
    assert_close(loss()(fixed, warped, _weights()[..., None]), expected)
    total = loss(reduction="sum")(fixed, warped, _weights())
    assert_close(total, 2 * expected)


@pytest.mark.parametrize("shape", [(2,), (2, 1), ()])
def test_weights_of_samples_are_left_to_keras(shape):
    fixed, warped = random_image((2, 2, 16, 14, 1))
    weights = np.full(shape, 3.0, "float32")
    for loss in (losses.MSE(), losses.BendingEnergy()):
        expected = 3 * np.array(loss(fixed, warped))
        assert_close(loss(fixed, warped, weights), expected)


def test_weights_of_voxels_work_in_fit():
    image = keras.Input((16, 14, 1), name="image")
    output = keras.layers.Conv2D(1, 1, name="warped", use_bias=False)(image)
    model = keras.Model(image, output)
    model.compile(loss=losses.MSE())
    fixed, warped = random_image((2, 2, 16, 14, 1))
    found = model.evaluate(warped, fixed, sample_weight=_weights(), verbose=0)
    errors = (model.predict(warped, verbose=0) - fixed)[..., 0] ** 2
    assert found == pytest.approx(np.mean(errors * _weights()), rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "shape"), [(losses.LNCC, (2, 16, 13)), (losses.BendingEnergy, (2, 16, 14))]
)
def test_weights_that_fit_nothing_are_refused(loss, shape):
    fixed, warped = random_image((2, 2, 16, 14, 2))
    with pytest.raises(ValueError, match=r"`sample_weight` must .* Received: "):
        loss()(fixed, warped, np.ones(shape, "float32"))
