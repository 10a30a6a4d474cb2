"""A training run that goes on where it was killed."""

import json
import pathlib
import time

import keras
import numpy as np

from kregzoo.spatial.files import atomic
from kregzoo.training.tensorboard import slices_callback

STEPS_PER_EPOCH = 100


def fit(model, recipe, scale, pairs, validation, directory):
    """Train a model by a recipe, from its last checkpoint if there is one.

    Args:
        model: the `RegistrationModel`, uncompiled.
        recipe: the `Recipe`.
        scale: the `Scale`.
        pairs: the `PairDataset` to train on.
        validation: the `PairDataset` to validate on.
        directory: folder of the checkpoint, the history and the TensorBoard logs.

    Returns:
        The trained model, and the seconds that its training took in all.

    Raises:
        ValueError: when the checkpoint is of another network.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(directory)
    schedule = keras.optimizers.schedules.CosineDecay(scale.learning_rate, scale.steps)
    losses = recipe.losses()
    if not pairs.labels:
        losses.pop("warped_labels", None)
    model.compile(
        keras.optimizers.Adam(schedule),
        loss=losses,
        loss_weights={name: recipe.loss_weights[name] for name in losses},
    )
    pairs.steps_per_epoch = min(STEPS_PER_EPOCH, scale.steps)
    epochs = -(-scale.steps // pairs.steps_per_epoch)
    pairs.epoch = checkpoint.restore(model, pairs.steps_per_epoch)
    if pairs.epoch < epochs:
        model.fit(
            pairs,
            initial_epoch=pairs.epoch,
            epochs=epochs,
            # Items are drawn at random as it is, and Keras does not shuffle them in
            # the same order after an interruption.
            shuffle=False,
            validation_data=_items(validation),
            validation_batch_size=validation.batch_size,
            validation_freq=5,
            callbacks=[checkpoint, *slices_callback(directory, validation)],
        )
    return model, checkpoint.seconds


def _items(pairs):
    """All items of one epoch: Keras would draw others at each evaluation."""
    items = [pairs[index] for index in range(len(pairs))]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *items)


def transfer_weights(source, target):
    """Copy the weights of the layers that two models share by name and shapes.

    Args:
        source: the Keras model to copy from.
        target: the Keras model to copy to.

    Returns:
        List of the names of the layers copied.
    """
    layers = {layer.name: layer for layer in source.layers}
    copied = []
    for layer in target.layers:
        weights = layers[layer.name].get_weights() if layer.name in layers else []
        if weights and [w.shape for w in weights] == [w.shape for w in layer.weights]:
            layer.set_weights(weights)
            copied.append(layer.name)
    return copied


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
        saved = keras.models.load_model(self.path)
        shapes = [[w.shape for w in m.weights] for m in (model, saved)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{str(self.path)!r} is of another network. Train into another folder, "
                "or delete it."
            )
        model.set_weights(saved.get_weights())
        model.optimizer.build(model.trainable_variables)
        saved.optimizer.save_own_variables(store := {})
        model.optimizer.load_own_variables(store)
        # The optimiser counts the steps; the history may be one epoch ahead of it.
        epochs = int(saved.optimizer.iterations) // steps_per_epoch
        self.history = json.loads(self.history_path.read_text())[:epochs]
        return epochs

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
