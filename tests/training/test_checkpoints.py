import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

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
    checkpoint = tmp_path / "checkpoint.npz"
    while not checkpoint.exists() and process.poll() is None:
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
