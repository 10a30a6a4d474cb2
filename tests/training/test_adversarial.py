import json

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops as kops

from kregzoo.blocks import pair_inputs
from kregzoo.layers import GradientScale, SpatialTransformer
from kregzoo.losses import Gradient, Wasserstein
from kregzoo.training import (
    Adversarial,
    Adversary,
    RegistrationModel,
    Scale,
    trainers,
)
from kregzoo.training.adversarial import AdversarialLoop, Discriminator
from tests.helpers import assert_close, random_image, run_model_saving_test

SHAPE = (16, 16, 1)


def make_model():
    inputs = pair_inputs(SHAPE)
    x = layers.Concatenate(name="pair")([inputs["moving"], inputs["fixed"]])
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(x)
    field = layers.Conv2D(2, 3, padding="same", name="field")(x)
    warped = SpatialTransformer(name="warp")([inputs["moving"], field])
    judged = GradientScale(name="adversary")(warped)
    pair = {"warped": judged, "fixed": inputs["fixed"]}
    outputs = {"displacement": field, "warped": warped, "quality": judge()(pair)}
    return RegistrationModel(inputs=inputs, outputs=outputs)


def judge():
    inputs = {name: keras.Input(SHAPE, name=name) for name in ("warped", "fixed")}
    x = layers.Subtract()([inputs["warped"], inputs["fixed"]])
    x = layers.Conv2D(8, 3, 2, activation="relu", name="judge")(x)
    logits = layers.Conv2D(1, 3, name="logits")(x)
    return Discriminator(inputs=inputs, outputs=logits, name="discriminator")


@pytest.fixture
def turns(tmp_path):
    def make(**options):
        keras.utils.set_random_seed(0)
        adversary = against(**options)
        model = make_model()
        losses = {"displacement": Gradient(), "quality": adversary.loss()}
        model.compile(keras.optimizers.Adam(1e-3), loss=losses)
        return AdversarialLoop(model, adversary)

    return make


def against(**options):
    options = {"positives": lambda x, y: x["fixed"], "learning_rate": 1e-2, **options}
    return Adversary(**options)


def batch(seed=0):
    moving, fixed = random_image((2, 4, *SHAPE), seed, sigma=2.0)
    return {"moving": moving, "fixed": fixed}


def weights_of(model):
    return [np.array(kops.convert_to_numpy(w)) for w in model.weights]


def changed(before, model):
    return [np.abs(b - a).max() for b, a in zip(before, weights_of(model), strict=True)]


def test_each_turn_changes_its_own_weights_alone(turns):
    both = turns()
    x = batch()
    before = weights_of(both.discriminator)
    both.train_on_batch(x, None, 0)
    assert min(changed(before, both.discriminator)) > 0
    both.adversary = against(gates=((np.inf, 1.0),))
    both.discriminator.optimizer.learning_rate = 0.0
    judged, field = weights_of(both.discriminator), both.model.get_layer("first")
    before = weights_of(field)
    both.train_on_batch(x, None, 1)
    # The network's turn leaves the discriminator, whose own had no learning rate.
    assert max(changed(judged, both.discriminator)) == 0
    assert min(changed(before, field)) > 0


def test_the_discriminator_learns_to_tell(turns):
    both = turns(weight=0.0)
    logs = [both.train_on_batch(batch(seed), None, seed) for seed in range(60)]
    assert logs[-1]["discriminator_loss"] < 0.5 * logs[0]["discriminator_loss"]
    assert np.mean([log["discriminator_ranked"] for log in logs[-10:]]) > 0.9
    assert {"loss", "quality_loss", "displacement_loss"} <= set(logs[0])


def test_a_network_without_weight_learns_nothing_from_it(turns):
    both = turns(ramp=(1, 3))
    both.model.compile(keras.optimizers.SGD(1e-2), loss={"quality": Wasserstein()})
    first = both.model.get_layer("first")
    before = weights_of(first)
    both.train_on_batch(batch(), None, 1)
    assert max(changed(before, first)) == 0
    both.train_on_batch(batch(), None, 2)
    assert max(changed(before, first)) > 0


def test_weight_rises_along_its_ramp():
    adversary = Adversary(None, 1.0, weight=4.0, ramp=(10, 30))
    found = [adversary.weight_at(step) for step in (0, 10, 15, 30, 99)]
    assert found == [0.0, 0.0, 1.0, 4.0, 4.0]
    assert Adversary(None, 1.0, weight=4.0).weight_at(0) == 4.0


def test_gates_hold_a_discriminator_that_is_too_good():
    adversary = Adversary(None, 2.0, gates=((0.6, 1.0), (0.4, 0.1)))
    found = [adversary.rate_after(loss) for loss in (0.7, 0.5, 0.4, 0.1)]
    assert found == [2.0, 0.2, 0.0, 0.0]
    assert Adversary(None, 2.0).rate_after(0.0) == 2.0


def test_smoothing_is_the_entropy_of_its_targets(turns):
    both = turns(smoothing=0.1)
    both.discriminator.set_weights([0 * w for w in weights_of(both.discriminator)])
    logs = both.train_on_batch(batch(), None, 0)
    # All logits are 0, and both targets together cost as much as any.
    assert_close(logs["discriminator_loss"], np.log(2.0))


def test_penalty_of_a_linear_critic_is_known():
    inputs = {name: keras.Input((4, 4, 1), name=name) for name in ("warped", "fixed")}
    x = layers.Concatenate()([layers.Flatten()(image) for image in inputs.values()])
    kernel = keras.initializers.Constant(0.5)
    score = layers.Dense(1, kernel_initializer=kernel)(x)
    model = Discriminator(inputs=inputs, outputs=score)
    model.penalty = 10.0
    model.compile(keras.optimizers.SGD(0.01), loss=Wasserstein())
    images = np.random.default_rng(0).normal(size=(4, 4, 4, 1)).astype("float32")
    x = {"warped": images, "fixed": np.concatenate([images[:2]] * 2)}
    targets = np.array([1.0, 1.0, 0.0, 0.0], "float32")[:, None]
    loss = float(model.train_on_batch(x, targets))
    sums = images.sum(axis=(1, 2, 3))
    expected = 0.5 * (sums[2:] - sums[:2]).sum() / 4
    # 16 slopes of 0.5 are 2 long.
    assert_close(loss, expected + 10.0 * (2.0 - 1.0) ** 2, rtol=1e-3)
    # The penalty pulls the slopes to 1, beside what the scores pull.
    score_gradient = (images[2:].sum(axis=0) - images[:2].sum(axis=0)).ravel() / 4
    expected = 0.5 - 0.01 * (score_gradient + 10.0 * 2 * (2.0 - 1.0) * 0.5 / 2.0)
    found = kops.convert_to_numpy(model.layers[-1].kernel)[:16, 0]
    assert_close(found, expected, rtol=1e-3)


def test_a_wasserstein_critic_trains_too(turns):
    both = turns(penalty=10.0, steps=2)
    logs = [both.train_on_batch(batch(seed), None, seed) for seed in range(30)]
    assert np.isfinite([log["discriminator_loss"] for log in logs]).all()
    assert np.mean([log["discriminator_ranked"] for log in logs[-15:]]) > 0.7


def test_saves_and_loads(tmp_path):
    run_model_saving_test(make_model(), batch(), tmp_path)


class Batches(keras.utils.PyDataset):
    """Batches that depend on the epoch and their number alone."""

    epoch = 0
    labels = None
    batch_size = 2

    def __init__(self):
        super().__init__()
        self.steps_per_epoch = 3

    def __len__(self):
        return self.steps_per_epoch

    def __getitem__(self, index):
        return (batch(10 * self.epoch + index),)

    def on_epoch_end(self):
        self.epoch += 1


def train(folder, epochs, total):
    keras.utils.set_random_seed(0)
    trainer = Adversarial(
        losses={"displacement": Gradient()},
        weights={"displacement": 0.1},
        adversary=against(ramp=(2, 6)),
    )
    scale = Scale(1.0, (SHAPE[:-1],), steps=3 * total, learning_rate=1e-3)
    pairs = Batches()
    if epochs < total:
        pairs.on_epoch_end = stop_after(pairs, epochs)
    return trainer.fit(make_model, (pairs, Batches()), scale, folder).model


class Killed(Exception):
    pass


def stop_after(pairs, epochs):
    def on_epoch_end():
        pairs.epoch += 1
        if pairs.epoch > epochs:
            raise Killed

    return on_epoch_end


@pytest.mark.usefixtures("few_steps")
def test_a_killed_run_goes_on_to_the_same_end(tmp_path, monkeypatch):
    monkeypatch.setattr(trainers, "VALIDATION_EVERY", 2)
    whole = train(tmp_path / "whole", 4, 4)
    with pytest.raises(Killed):
        train(tmp_path / "killed", 2, 4)
    resumed = train(tmp_path / "killed", 4, 4)
    for one, other in zip(weights_of(resumed), weights_of(whole), strict=True):
        assert_close(one, other, atol=1e-6)
    history = json.loads(
        (tmp_path / "killed" / "history.json").read_text(encoding="utf-8")
    )
    assert len(history) == 4
    assert {"loss", "discriminator_loss", "discriminator_ranked"} <= set(history[0])
    assert ["val_loss" in epoch for epoch in history] == [False, True, False, True]


def test_refuses_a_network_without_discriminator():
    inputs = pair_inputs(SHAPE)
    model = RegistrationModel(inputs=inputs, outputs={"warped": inputs["moving"]})
    with pytest.raises(ValueError, match="`quality` and a layer `discriminator`"):
        AdversarialLoop(model, Adversary(None, 1.0))
