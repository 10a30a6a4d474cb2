"""Checkpoints of a training run, written atomically."""

import json
import pathlib
import time

import keras

from kregzoo.utils.files import atomic


def restore(model, path):
    """Load the weights and the optimizer state of a saved model.

    Args:
        model: the compiled Keras model to load into, of the same architecture.
        path: `.keras` file of the saved model.

    Returns:
        Number of optimizer steps taken.

    Raises:
        ValueError: If the file belongs to another network.
    """
    saved = keras.models.load_model(path)
    shapes = [[w.shape for w in m.weights] for m in (model, saved)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "The checkpoint belongs to another network: train into another "
            f"folder, or delete it. Received: {str(path)!r}"
        )
    model.set_weights(saved.get_weights())
    model.optimizer.build(model.trainable_variables)
    saved.optimizer.save_own_variables(store := {})
    model.optimizer.load_own_variables(store)
    return int(saved.optimizer.iterations)


class Checkpoint(keras.callbacks.Callback):
    """Write weights, optimizer state and history atomically after each epoch.

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
        """Total training time in seconds, including the time before interruptions."""
        return sum(epoch["seconds"] for epoch in self.history)

    def restore(self, model, steps_per_epoch):
        """Load the last checkpoint into a compiled model; return the epochs trained."""
        if not self.path.exists():
            return 0
        # Trust the step count of the optimizer: the history is written first, so it may
        # be one epoch ahead.
        epochs = restore(model, self.path) // steps_per_epoch
        self.read_history()
        del self.history[epochs:]
        return epochs

    def read_history(self):
        """Read the history of an earlier run."""
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
