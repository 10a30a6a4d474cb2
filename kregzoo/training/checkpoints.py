"""Checkpoints of a training run, written atomically."""

import json
import pathlib
import time

import keras
import numpy as np

from kregzoo.utils.files import atomic

# The model whose best weights are kept.
MODEL = "model"
# Seconds between two files. An epoch may take a second on a GPU.
WRITE_EVERY = 20.0


class Checkpoint(keras.callbacks.Callback):
    """Write all that a training needs to continue, atomically, after an epoch.

    Files are written at the end, and after epochs at least 20 seconds apart.

    `checkpoint.npz` holds the history, the variables of the models and of their
    optimizers, including the states of random layers, and the weights of the epoch with
    the lowest validation loss. A run that continues from it ends with the same weights
    as an uninterrupted run, if the loop draws the same data for an epoch again.
    `history.json` is a copy of the history.

    Args:
        folder: folder of the files.
        models: dict of compiled Keras models by name. The best weights are those of
            `"model"`.
        monitor: str. Output whose validation loss selects the best weights. Defaults to
            the total loss, which also replaces an output that has no loss. None keeps
            no best weights.
        patience: int. Number of validations without a lower loss after which the
            training ends. Defaults to no such limit.
        extra: object with methods `state()`, which returns a dict of arrays to store,
            and `load_state(arrays)`. Defaults to nothing.

    Example:
        >>> import tempfile
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("adam", loss="mse")
        >>> checkpoint = Checkpoint(tempfile.mkdtemp(), {"model": model})
        >>> checkpoint.restore()
        False
    """

    def __init__(self, folder, models, monitor="loss", patience=None, extra=None):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "checkpoint.npz"
        self.models = models
        self.monitor = monitor
        self.patience = patience
        self.extra = extra
        self.history = []
        self.best = []
        self._written = -WRITE_EVERY

    @property
    def seconds(self):
        """Total training time in seconds, including the time before interruptions."""
        return sum(epoch["seconds"] for epoch in self.history)

    @property
    def finished(self):
        """Whether there were `patience` validations without a lower loss."""
        losses = self._losses()
        waited = len(losses) - 1 - int(np.argmin(losses)) if losses else 0
        return self.patience is not None and waited >= self.patience

    def restore(self):
        """Load the checkpoint, if there is one.

        Returns:
            Whether there was one.

        Raises:
            ValueError: If the checkpoint belongs to another network.
        """
        for model in self.models.values():
            model.optimizer.build(model.trainable_variables)
        if not self.path.exists():
            return False
        with np.load(self.path, allow_pickle=False) as arrays:
            stored = dict(arrays)
        for name, model in self.models.items():
            variables = _variables(model)
            values = _numbered(stored, name)
            if [v.shape for v in variables] != [v.shape for v in values]:
                raise ValueError(
                    "The checkpoint belongs to another network: train into another "
                    f"folder, or delete it. Received: {str(self.path)!r}"
                )
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self.history = json.loads(str(stored["history"]))
        self.best = _numbered(stored, "best")
        if self.extra is not None:
            prefix = "extra/"
            self.extra.load_state(
                {k[len(prefix) :]: v for k, v in stored.items() if k.startswith(prefix)}
            )
        return True

    def load_best(self):
        """Give the model the weights with the lowest validation loss, if validated."""
        if self.best:
            self.models[MODEL].set_weights(self.best)

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._start
        values = {name: float(value) for name, value in (logs or {}).items()}
        steps = int(self.models[MODEL].optimizer.iterations)
        entry = {"epoch": epoch, "steps": steps, "seconds": seconds, **values}
        self.history.append(entry)
        if self._loss(entry) is not None and self._loss(entry) <= min(self._losses()):
            self.best = self.models[MODEL].get_weights()
        if time.perf_counter() - self._written >= WRITE_EVERY:
            self._write()
        if self.finished:
            self.models[MODEL].stop_training = True

    def on_train_end(self, logs=None):
        self._write()

    def _losses(self):
        """List the losses of all validations so far."""
        losses = [self._loss(entry) for entry in self.history]
        return [loss for loss in losses if loss is not None]

    def _loss(self, entry):
        """Return the monitored loss of an epoch, or None if there is none."""
        if self.monitor is None:
            return None
        return entry.get(f"val_{self.monitor}_loss", entry.get("val_loss"))

    def _write(self):
        arrays = {"history": np.array(json.dumps(self.history))}
        for name, model in self.models.items():
            values = [keras.ops.convert_to_numpy(v.value) for v in _variables(model)]
            arrays |= {f"{name}/{n}": value for n, value in enumerate(values)}
        arrays |= {f"best/{n}": value for n, value in enumerate(self.best)}
        if self.extra is not None:
            arrays |= {f"extra/{k}": v for k, v in self.extra.state().items()}
        # NumPy would add an extension to a path.
        with atomic(self.path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        with atomic(self.folder / "history.json") as temporary:
            temporary.write_text(json.dumps(self.history), encoding="utf-8")
        self._written = time.perf_counter()


def _variables(model):
    """List the variables of a model and its optimizer, without those of metrics."""
    metrics = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in metrics]
    return own + list(model.optimizer.variables)


def _numbered(arrays, name):
    """List the arrays `name/0`, `name/1` and so on."""
    count = sum(key.startswith(f"{name}/") for key in arrays)
    return [arrays[f"{name}/{number}"] for number in range(count)]
