import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses import LNCC, NormalDivergence
from kregzoo.models import KrebsCVAE
from tests.helpers import assert_close, random_image

SHAPE = (32, 48, 1)


def images(shape=SHAPE, batch=1):
    return {
        n: random_image((batch, *shape), s, sigma=2.0)
        for s, n in enumerate(("moving", "fixed"))
    }


def strong(model):
    """Large velocities: the head is almost zero at first."""
    head = model.get_layer("decoder").get_layer("raw_velocity")
    rng = np.random.default_rng(0)
    kernel, bias = head.get_weights()
    head.set_weights([rng.normal(0, 0.3, kernel.shape), bias])
    return model


def test_layers_of_the_sheet():
    model = KrebsCVAE((64, 64, 1))
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    assert [encoder.get_layer(f"encoder_{n}").filters for n in range(1, 5)] == [
        *(16, 32, 32, 4)
    ]
    assert encoder.get_layer("flat").output.shape == (None, 8 * 8 * 4)
    assert decoder.get_layer("map").output.shape == (None, 16, 16, 1)
    widths = [decoder.get_layer(f"decoder_{n}").filters for n in (1, 2, 3, "last")]
    assert widths == [32, 32, 32, 16]
    assert model.output["latent_statistics"].shape == (None, 64)


def test_half_the_way_twice_is_the_whole_way():
    pair, model = images(), strong(KrebsCVAE(SHAPE, integration_steps=6))
    outputs = model(pair)
    whole = ops.integrate(outputs["velocity"], 7)
    assert np.abs(kops.convert_to_numpy(whole)).max() > 1.0
    inner = (0, slice(8, -8), slice(8, -8))
    assert_close(
        outputs["displacement"][inner], kops.convert_to_numpy(whole)[inner], atol=0.02
    )
    half = ops.integrate(outputs["velocity"] * -0.5, 6)
    warped = ops.warp(pair["fixed"], half)
    assert_close(outputs["halfway_fixed"], kops.convert_to_numpy(warped), atol=1e-4)


def test_velocities_stay_below_their_bound():
    model = strong(KrebsCVAE(SHAPE, bound=2.0, sigma=1.0))
    head = model.get_layer("decoder").get_layer("raw_velocity")
    head.set_weights([1e3 * w for w in head.get_weights()])
    velocity = kops.convert_to_numpy(model(images())["velocity"])
    assert 1.0 < np.abs(velocity).max() <= 2.0


def test_learns_to_meet_half_the_way():
    keras.utils.set_random_seed(0)
    pair = images(batch=4)
    pair["fixed"] = np.roll(pair["moving"], 2, axis=1)
    model = KrebsCVAE(SHAPE, sigma=1.0)
    losses = {"halfway": LNCC(), "latent_statistics": NormalDivergence()}
    model.compile(
        keras.optimizers.Adam(3e-3),
        losses,
        loss_weights={"halfway": 1.0, "latent_statistics": 1e-4},
    )
    before = model.evaluate(pair, verbose=0, return_dict=True)["halfway_loss"]
    model.fit(pair, epochs=40, verbose=0)
    after = model.evaluate(pair, verbose=0, return_dict=True)["halfway_loss"]
    assert after < 0.7 * before
