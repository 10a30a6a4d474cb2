import keras
import numpy as np
import pytest
from keras import layers

from kregzoo.blocks import pair_inputs
from kregzoo.losses import MSE
from kregzoo.models import HaskinsTRE
from kregzoo.registrars import LearnedMetricRegistrar
from kregzoo.spatial import Preprocessor
from tests.phantoms import Phantom, linear_map, mean_error, rotated_grid

FRAME = Preprocessor(4.0, ((32, 32),))
TRUTH = linear_map(2, degrees=15.0, shift=10.0)


def pair():
    phantom = Phantom(2, radius=40.0)
    moving = phantom.image(rotated_grid((64, 64), 2.2, 0.0))
    return phantom, moving, phantom.image(rotated_grid((60, 60), 2.2, 0.0), TRUTH)


def squared_difference():
    """A network that knows when images are aligned."""
    inputs = pair_inputs((32, 32, 1))
    x = layers.Subtract()([inputs["moving"], inputs["fixed"]])
    x = layers.Multiply()([x, x])
    return keras.Model(inputs, {"tre": layers.GlobalAveragePooling2D()(x)})


@pytest.mark.parametrize("make", [squared_difference, MSE])
def test_finds_a_rigid_motion_by_a_metric(make):
    phantom, moving, fixed = pair()
    registrar = LearnedMetricRegistrar(make(), FRAME)
    result = registrar.register(moving, fixed, progress=False)
    assert mean_error(result.transform, TRUTH, phantom.landmarks()) < 2.0
    linear = result.transform.matrix[:2, :2]
    np.testing.assert_allclose(linear @ linear.T, np.eye(2), atol=1e-5)
    assert set(result.seconds) == {"read", "explore", "descend", "checks", "total"}


def test_the_same_seed_finds_the_same():
    _, moving, fixed = pair()
    model = HaskinsTRE((32, 32, 1), width=2, dense=4)
    found = [
        LearnedMetricRegistrar(model, FRAME, seed=seed)
        .register(moving, fixed, progress=False)
        .transform.matrix
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-3


def test_negative_refinement_is_refused():
    _, moving, fixed = pair()
    with pytest.raises(ValueError, match="`refine`.*Received: -1"):
        LearnedMetricRegistrar(MSE(), FRAME).register(moving, fixed, refine=-1)
