"""Checkpoints of a training run, each file whole whenever the run is killed."""

import json
import pathlib
import time

import keras

from kregzoo.utils.files import atomic


def restore(model, path):
    """Load weights and optimiser of a saved model into a compiled one of its kind.

    Args:
        model: the compiled Keras model.
        path: `.keras` file.

    Returns:
        How many steps the optimiser has made.

    Raises:
        ValueError: when the file is of another network.
    """
    saved = keras.models.load_model(path)
    shapes = [[w.shape for w in m.weights] for m in (model, saved)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{str(path)!r} is of another network. Train into another folder, or "
            "delete it."
        )
    model.set_weights(saved.get_weights())
    model.optimizer.build(model.trainable_variables)
    saved.optimizer.save_own_variables(store := {})
    model.optimizer.load_own_variables(store)
    return int(saved.optimizer.iterations)


class Checkpoint(keras.callbacks.Callback):
    """Writes weights, optimiser and history after each epoch, each file whole.

    Args:
        directory: folder of `checkpoint.keras` and `history.json`.
    """

    def __init__(self, directory):
        super().__init__()
        self.path = directory / "checkpoint.keras"
        self.history_path = directory / "history.json"
        self.history = []

    @property
    def seconds(self):
        """Seconds of training in all, those before an interruption included."""
        return sum(epoch["seconds"] for epoch in self.history)

    def restore(self, model, steps_per_epoch):
        """Load the last checkpoint into a compiled model; give the epochs done."""
        if not self.path.exists():
            return 0
        # The optimiser counts the steps; the history may be one epoch ahead of it.
        epochs = restore(model, self.path) // steps_per_epoch
        self.read_history()
        del self.history[epochs:]
        return epochs

    def read_history(self):
        """Take up the history that an earlier run wrote."""
        self.history = json.loads(self.history_path.read_text(encoding="utf-8"))

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._start
        values = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append({"epoch": epoch, "seconds": seconds, **values})
        with atomic(self.history_path) as temporary:
            pathlib.Path(temporary).write_text(json.dumps(self.history))
        with atomic(self.path) as temporary:
            self.model.save(temporary)
