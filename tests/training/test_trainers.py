import json

import keras
import numpy as np
import pytest

from kregzoo.training import RegistrationModel, Staged, Supervised, transfer_weights
from tests.helpers import assert_close
from tests.training import tiny

pytestmark = pytest.mark.usefixtures("few_steps")


def history(folder):
    return json.loads((folder / "history.json").read_text(encoding="utf-8"))


def test_history_has_losses_seconds_and_validation_of_each_epoch(whole):
    folder, _, seconds = whole
    epochs = history(folder)
    assert [epoch["epoch"] for epoch in epochs] == list(range(tiny.EPOCHS))
    assert all(0.0 < epoch["loss"] < 1.5 for epoch in epochs)
    assert "val_loss" in epochs[4] and "val_loss" not in epochs[3]
    assert_close(sum(epoch["seconds"] for epoch in epochs), seconds)


def test_every_evaluation_sees_the_same_pairs(tmp_path, monkeypatch):
    seen = []
    evaluate = RegistrationModel.evaluate

    def spy(self, x=None, **options):
        seen.append(x)
        return evaluate(self, x=x, **options)

    monkeypatch.setattr(RegistrationModel, "evaluate", spy)
    tiny.run(tmp_path, epochs=10)
    first, second = seen
    assert first["moving"].shape[0] == 2
    assert_close(first["moving"], second["moving"])
    assert_close(first["fixed"], second["fixed"])


def test_labels_that_images_do_not_share_leave_the_images_to_train_on(tmp_path):
    tiny.run(tmp_path, labels=range(1, 4))
    assert "warped_labels_loss" not in history(tmp_path)[0]
    assert np.isfinite(history(tmp_path)[0]["loss"])


def test_weights_go_to_layers_of_the_same_name_and_shapes():
    def network(width, seed):
        keras.utils.set_random_seed(seed)
        x = inputs = keras.Input((4,))
        x = keras.layers.Dense(5, name="shared")(x)
        x = keras.layers.Dense(width, name="wider")(x)
        return keras.Model(inputs, keras.layers.Dense(2, name=f"own_{seed}")(x))

    source, target = network(6, 0), network(7, 1)
    untouched = target.get_layer("wider").get_weights()[0]
    assert transfer_weights(source, target) == ["shared"]
    for name, expected in (
        ("shared", source.get_layer("shared").get_weights()[0]),
        ("wider", untouched),
    ):
        assert_close(target.get_layer(name).get_weights()[0], expected)


def test_losses_weigh_1_unless_told_otherwise():
    trainer = Supervised({"warped": "mse", "displacement": "mse"}, {"warped": 3.0})
    assert trainer.weights_of(trainer.losses) == {"warped": 3.0, "displacement": 1.0}


def test_stages_keep_what_the_earlier_ones_learned_and_freeze_it(tmp_path):
    def build(layers=1):
        keras.utils.set_random_seed(layers)
        x = moving = keras.Input((8, 8, 1), name="moving")
        fixed = keras.Input((8, 8, 1), name="fixed")
        for number in range(layers):
            x = keras.layers.Conv2D(1, 3, padding="same", name=f"layer_{number}")(x)
        inputs = {"moving": moving, "fixed": fixed}
        return RegistrationModel(inputs=inputs, outputs={"warped": x})

    class Frozen(Supervised):
        def fit_model(self, model, sets, scale, folder):
            fitted.append((model, folder.name, model.get_layer("layer_0").trainable))
            model.get_layer("layer_0").bias.assign([1.0])
            return 4.0

    fitted = []
    stages = {"layers": 1}, {"layers": 2}
    trained = Staged(Frozen({"warped": "mse"}), stages).fit(build, None, None, tmp_path)
    assert [entry[1:] for entry in fitted] == [("stage_1", True), ("stage_2", False)]
    assert trained.model is fitted[1][0] and trained.seconds == 8.0
    assert trained.changes == {"layers": 2}
    assert_close(trained.model.get_layer("layer_0").bias, np.ones(1))
