import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from kregzoo.training import checkpoints
from kregzoo.training.checkpoints import Checkpoint
from tests.helpers import assert_close
from tests.training import tiny

ROOT = pathlib.Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("few_steps")


def history(folder):
    return json.loads((folder / "history.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_end(whole, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.training.tiny", str(tmp_path), "0.3"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )
    # Written after the checkpoint.
    written = tmp_path / "history.json"
    while not written.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = len(history(tmp_path))
    assert 0 < done < tiny.EPOCHS

    trained = tiny.run(tmp_path)
    model, seconds = trained.model, trained.seconds
    epochs = history(tmp_path)
    assert [epoch["epoch"] for epoch in epochs] == list(range(tiny.EPOCHS))
    assert int(model.optimizer.iterations) == tiny.EPOCHS * tiny.STEPS_PER_EPOCH
    # The seconds before the end count too: 0.3 an item at least.
    assert seconds > 0.3 * tiny.STEPS_PER_EPOCH
    for one, other in zip(epochs, history(whole[0]), strict=True):
        assert one["loss"] == other["loss"]
    for one, other in zip(model.get_weights(), whole[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_run_is_not_trained_further(whole):
    folder, model, _ = whole
    weights = [w.copy() for w in model.get_weights()]
    again = tiny.run(folder).model
    assert len(history(folder)) == tiny.EPOCHS
    for one, other in zip(again.get_weights(), weights, strict=True):
        assert_close(one, other)


def test_a_checkpoint_of_another_network_is_refused(whole):
    with pytest.raises(ValueError, match="another network"):
        tiny.run(whole[0], variant="vm2")


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.1), loss="mse")
    return model


class Counter:
    """State beside the models."""

    count = 0

    def state(self):
        return {"count": np.array(self.count)}

    def load_state(self, arrays):
        self.count = int(arrays["count"])


def validate(checkpoint, losses):
    """End an epoch with each loss, after a change of the weights."""
    model = checkpoint.models["model"]
    for epoch, loss in enumerate(losses):
        model.set_weights([np.full_like(w, epoch) for w in model.get_weights()])
        checkpoint.on_epoch_begin(epoch)
        logs = {} if loss is None else {"val_loss": 9.0, "val_warped_loss": loss}
        checkpoint.on_epoch_end(epoch, logs)
    checkpoint.on_train_end()


def test_weights_with_the_lowest_monitored_loss_are_kept(tmp_path):
    checkpoint = Checkpoint(tmp_path, {"model": make_model()}, "warped")
    checkpoint.restore()
    validate(checkpoint, [3.0, None, 1.0, 2.0])
    for folder in (None, tmp_path):
        if folder is not None:
            checkpoint = Checkpoint(folder, {"model": make_model()}, "warped")
            assert checkpoint.restore()
        checkpoint.load_best()
        for weights in checkpoint.models["model"].get_weights():
            np.testing.assert_array_equal(weights, np.full_like(weights, 2))


def test_without_validation_the_last_weights_stay(tmp_path):
    checkpoint = Checkpoint(tmp_path, {"model": make_model()})
    checkpoint.restore()
    validate(checkpoint, [None, None])
    checkpoint.load_best()
    assert checkpoint.models["model"].get_weights()[0][0, 0] == 1.0


def test_without_a_monitor_the_last_weights_stay(tmp_path):
    checkpoint = Checkpoint(tmp_path, {"model": make_model()}, monitor=None)
    checkpoint.restore()
    validate(checkpoint, [1.0, 2.0])
    checkpoint.load_best()
    assert checkpoint.models["model"].get_weights()[0][0, 0] == 1.0


def test_training_stops_when_patience_ends(tmp_path):
    checkpoint = Checkpoint(tmp_path, {"model": make_model()}, "warped", patience=2)
    checkpoint.restore()
    validate(checkpoint, [3.0, 1.0, 2.0, None])
    assert not checkpoint.finished
    validate(checkpoint, [2.0])
    assert checkpoint.finished and checkpoint.models["model"].stop_training


def test_random_layers_and_other_state_continue(tmp_path):
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    whole, stopped = make_model(), make_model()
    counter = Counter()
    counter.count = 5
    for model in (whole, stopped):
        model.fit(x, y, shuffle=False, verbose=0)
    checkpoint = Checkpoint(tmp_path, {"model": stopped}, extra=counter)
    checkpoint.on_epoch_begin(0)
    checkpoint.on_epoch_end(0)
    resumed, other = make_model(), Counter()
    assert Checkpoint(tmp_path, {"model": resumed}, extra=other).restore()
    assert other.count == 5
    for model in (whole, resumed):
        model.fit(x, y, shuffle=False, verbose=0)
    for one, two in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_files_are_written_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "WRITE_EVERY", 1000.0)
    checkpoint = Checkpoint(tmp_path, {"model": make_model()})
    checkpoint.restore()
    for epoch in range(3):
        checkpoint.on_epoch_begin(epoch)
        checkpoint.on_epoch_end(epoch)
        assert len(history(tmp_path)) == 1
    checkpoint.on_train_end()
    assert len(history(tmp_path)) == 3
