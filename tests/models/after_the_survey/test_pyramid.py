import keras
import numpy as np
import pytest
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses import MSE
from kregzoo.models import PyramidRegistration
from tests.helpers import assert_close, random_image

SHAPES = {"2d": (48, 32, 1), "3d": (32, 32, 32, 1)}


def images(shape):
    return {
        name: random_image((1, *shape), seed, sigma=2.0)
        for seed, name in enumerate(("moving", "fixed"))
    }


def strong(shape, gain=0.3):
    """A network whose updates of all levels are at work."""
    keras.utils.set_random_seed(0)
    model = PyramidRegistration(shape, widths=(4, 6, 8))
    rng = np.random.default_rng(0)
    for level in (1, 2, 3):
        update = model.get_layer(f"update_{level}")
        flow = update.get_layer(f"update_{level}_flow")
        kernel, bias = flow.get_weights()
        flow.set_weights([rng.normal(0, gain, kernel.shape), bias])
    return model


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_exchanging_the_images_exchanges_the_directions(shape):
    model, pair = strong(shape), images(shape)
    there = model(pair)
    back = model({"moving": pair["fixed"], "fixed": pair["moving"]})
    field = kops.convert_to_numpy(there["displacement"])
    assert np.abs(field).max() > 0.5
    assert_close(back["inverse_displacement"], field)
    assert_close(back["warped_fixed"], kops.convert_to_numpy(there["warped"]))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_directions_are_inverses(shape):
    outputs = strong(shape, gain=0.03)(images(shape))
    there, back = outputs["displacement"], outputs["inverse_displacement"]
    size = float(kops.mean(kops.abs(there)))
    assert size > 0.02
    # Fields are interpolated between voxels, and extended by their border.
    inner = (slice(None), *[slice(3, -3)] * (len(shape) - 1))
    left = kops.convert_to_numpy(ops.compose(there, back))[inner]
    assert np.abs(left).mean() < 0.1 * size


def test_parameters_of_the_default_size():
    widths, count = (24, 32, 48, 64), 0
    for before, width in zip((1, *widths), widths, strict=False):
        count += 27 * before * width + width + 27 * width * width + width
        count += 27 * 2 * width * width + width + 27 * width * width + width
        count += 27 * width * 3 + 3
    model = PyramidRegistration()
    assert model.count_params() == count < 1_500_000


def test_levels_are_compared_with_pooled_images():
    shape = SHAPES["2d"]
    model, pair = PyramidRegistration(shape, widths=(4, 4)), images(shape)
    outputs = model(pair)
    pooled = pair["fixed"].reshape(1, 24, 2, 16, 2, 1).mean((2, 4))
    assert_close(outputs["fixed_level_1"], pooled, atol=1e-6)
    assert outputs["warped_level_2"].shape == (1, 12, 8, 1)
    model.compile("sgd", {"warped_level_1": MSE()})
    moving = pair["moving"].reshape(1, 24, 2, 16, 2, 1).mean((2, 4))
    expected = np.mean((moving - pooled) ** 2)
    assert model.evaluate(pair, verbose=0) == pytest.approx(expected, rel=1e-3)
