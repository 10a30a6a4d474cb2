import keras
import numpy as np
import pytest
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses import EndPointError
from kregzoo.models import FlowNetSAM
from kregzoo.models.supervised import sam_flownet
from kregzoo.training import SyntheticPairs
from tests.helpers import assert_close, random_image

SHAPE = (64, 64, 1)


def pair(shape=SHAPE, seed=0):
    names = ("moving", "fixed")
    return {n: random_image((1, *shape), seed + i, 2.0) for i, n in enumerate(names)}


def test_default_size():
    # The sheet's count.
    assert FlowNetSAM().count_params() == 29_225_762


def test_flows_are_at_their_scales_in_units_of_20_pixels():
    model = FlowNetSAM((128, 64, 1), width=0.125)
    outputs = model(pair((128, 64, 1)))
    for level in range(2, 7):
        shape = (1, 128 // 2**level, 64 // 2**level, 2)
        assert tuple(outputs[f"flow_{level}"].shape) == shape
    kernel, bias = model.get_layer("flow_2").get_weights()
    model.get_layer("flow_2").set_weights([0 * kernel, np.array([0.1, -0.25])])
    expected = np.broadcast_to([2.0, -5.0], (1, 128, 64, 2))
    assert_close(model(pair((128, 64, 1)))["displacement"], expected, atol=1e-5)


@pytest.mark.parametrize("correlation", [None, (2, 1)])
def test_both_variants_learn_the_displacement_of_one_batch(correlation):
    keras.utils.set_random_seed(0)
    model = FlowNetSAM(SHAPE, width=0.125, correlation=correlation)
    moving = random_image((4, *SHAPE), 0, sigma=3.0)
    true = np.broadcast_to([3.0, -2.0], (4, 64, 64, 2)).astype("float32")
    images = {"moving": moving, "fixed": kops.convert_to_numpy(ops.warp(moving, true))}
    trainer = sam_flownet.SYSTEM.recipe.trainer
    losses = {**trainer.losses, "displacement": EndPointError()}
    # At full resolution the error is only watched.
    weights = {**trainer.weights, "displacement": 0.0}
    model.compile("adam", losses, loss_weights=weights)
    targets = {"displacement": true}
    before = model.evaluate(images, targets, verbose=0, return_dict=True)
    model.fit(images, targets, epochs=30, verbose=0, batch_size=4)
    after = model.evaluate(images, targets, verbose=0, return_dict=True)
    assert before["displacement_loss"] == pytest.approx(13**0.5, rel=0.05)
    assert after["displacement_loss"] < 0.5 * before["displacement_loss"]


def test_correlation_sees_where_the_other_image_went():
    model = FlowNetSAM(SHAPE, width=0.125, correlation=(2, 1))
    assert model.get_layer("correlation").output.shape[1:] == (8, 8, 25)
    joined = model.get_layer("compared").output.shape[-1]
    assert joined == 25 + 4


@pytest.mark.parametrize(
    "synthesis",
    [
        sam_flownet.brains,
        sam_flownet.random_brains,
        sam_flownet.hearts,
        sam_flownet.random_hearts,
        sam_flownet.registered_hearts,
    ],
)
def test_pairs_come_with_the_displacement_that_aligns_them(synthesis, monkeypatch):
    monkeypatch.setattr(sam_flownet, "SEEDS", 4)
    points = np.random.default_rng(0).normal(0, 1.5, (10, 6, 6, 2)).astype("float32")
    image = random_image((1, 32, 32, 1), 0, sigma=3.0)
    images = ops.warp(np.repeat(image, 10, 0), ops.bspline(points, (32, 32)))
    images = kops.convert_to_numpy(images)
    pairs = SyntheticPairs(synthesis(images), batch_size=4)
    found, targets = pairs[0]
    warped = kops.convert_to_numpy(ops.warp(found["moving"], targets["displacement"]))
    inner = (slice(None), slice(4, -4), slice(4, -4))
    before = np.abs(found["moving"] - found["fixed"])[inner].mean()
    assert np.abs(warped - found["fixed"])[inner].mean() < 0.35 * before


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="input_shape"):
        FlowNetSAM((64, 64, 64, 1))
    with pytest.raises(ValueError, match="64"):
        FlowNetSAM((96, 64, 1))
