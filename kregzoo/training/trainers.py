"""Trainers, which fit the network of a recipe.

Every trainer has a method `fit(build, sets, scale, folder)` that returns a `Trained`.
The callable `build(**changes)` makes the network of the scale with the initial weights
of the recipe; `changes` replace arguments of the builder. If the folder holds the
checkpoint of an interrupted training, `fit` continues that training.
"""

import dataclasses
import pathlib
from collections.abc import Callable

import keras

from kregzoo.training.checkpoints import MODEL, Checkpoint
from kregzoo.training.tensorboard import slices_callback

STEPS_PER_EPOCH = 100
# Epochs between two validations. The last epoch is validated, too.
VALIDATION_EVERY = 5


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained network.

    Args:
        model: the Keras model.
        changes: dict of the builder arguments that differ from the scale.
        seconds: float. Duration of the training, including interrupted runs.
    """

    model: keras.Model
    changes: dict
    seconds: float


@dataclasses.dataclass(frozen=True)
class Supervised:
    """Train a network by `compile` and `fit`, and keep its best validated weights.

    Args:
        losses: dict of losses by output. `"warped_labels"` is left out if the data have
            no labels.
        weights: dict of floats by output. Defaults to 1 for each.
        optimizer: callable of a learning rate or schedule that returns the optimizer.
        monitor: str. Output whose validation loss selects the weights that are kept.
            Defaults to the total loss, which also replaces an output that has no loss.
            None keeps the last weights.
        patience: int. Number of validations without a lower loss after which the
            training ends. Defaults to no such limit.

    Example:
        >>> from kregzoo.losses import NCC, Gradient
        >>> trainer = Supervised({"warped": NCC(), "displacement": Gradient()})
        >>> trainer.weights_of(trainer.losses)
        {'warped': 1.0, 'displacement': 1.0}
    """

    losses: dict
    weights: dict = dataclasses.field(default_factory=dict)
    optimizer: Callable = keras.optimizers.Adam
    monitor: str | None = "loss"
    patience: int | None = None

    def fit(self, build, sets, scale, folder):
        """Train a network; see `kregzoo.training.trainers`.

        Args:
            build: callable that makes the network.
            sets: tuple of the training set and the validation set.
            scale: the `Scale`.
            folder: folder of the checkpoint, the history and the TensorBoard logs.

        Returns:
            A `Trained`.

        Raises:
            ValueError: If the checkpoint belongs to another network.
        """
        model = build()
        return Trained(model, {}, self.fit_model(model, sets, scale, folder))

    def fit_model(self, model, sets, scale, folder):
        """Train a network that is already built, and return the seconds it took."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        training_set, validation_set = sets
        losses = self.losses_for(training_set)
        model.compile(
            self.optimizer(scale.schedule()),
            loss=losses,
            loss_weights=self.weights_of(losses),
        )
        loop = self.make_loop(model)
        checkpoint = Checkpoint(folder, loop.models, self.monitor, self.patience)
        checkpoint.restore()
        callbacks = [checkpoint, *slices_callback(folder, validation_set)]
        validation = all_items(validation_set)
        while not checkpoint.finished and (left := _left(checkpoint, scale.steps)):
            training_set.epoch = first = len(checkpoint.history)
            training_set.steps_per_epoch = min(STEPS_PER_EPOCH, left)
            last = first + left // training_set.steps_per_epoch
            loop.fit(
                training_set,
                validation,
                first,
                last,
                # Validate the last epoch, too. Keras counts epochs from 1 here.
                [*range(VALIDATION_EVERY, last, VALIDATION_EVERY), last],
                callbacks,
            )
        checkpoint.load_best()
        return checkpoint.seconds

    def losses_for(self, training_set):
        """Select the losses whose targets are in the data."""
        if getattr(training_set, "labels", None):
            return dict(self.losses)
        return {k: loss for k, loss in self.losses.items() if k != "warped_labels"}

    def weights_of(self, losses):
        """Look up the weights of losses."""
        return {name: self.weights.get(name, 1.0) for name in losses}

    def make_loop(self, model):
        """Make the loop that trains a compiled network: an object like `KerasLoop`."""
        return KerasLoop(model)


class KerasLoop:
    """Train a compiled network by `fit`.

    The attribute `models` is the dict of the models that the loop trains.

    Args:
        model: the compiled Keras model.
    """

    def __init__(self, model):
        self.models = {MODEL: model}

    def fit(self, training_set, validation, first, last, validated, callbacks):
        """Train for some epochs.

        Args:
            training_set: dataset of the pairs.
            validation: the items to evaluate on, see `all_items`.
            first: int. Number of the first epoch, from 0.
            last: int. Number of the epoch after the last one.
            validated: list of the epochs that end with an evaluation, counted from 1.
            callbacks: list of Keras callbacks.
        """
        self.models[MODEL].fit(
            training_set,
            initial_epoch=first,
            epochs=last,
            # Items are random already, and Keras does not shuffle them in the same
            # order after an interruption.
            shuffle=False,
            validation_data=validation,
            validation_batch_size=training_set.batch_size,
            validation_freq=validated,
            callbacks=callbacks,
        )


def _left(checkpoint, steps):
    """Count the steps that a training has left."""
    history = checkpoint.history
    return max(0, steps - (history[-1]["steps"] if history else 0))


@dataclasses.dataclass(frozen=True)
class Staged:
    """Train a network in stages, with the layers of earlier stages frozen.

    Every stage takes all steps of the scale.

    Args:
        trainer: the `Supervised` trainer of every stage.
        stages: tuple of dicts of the builder arguments that differ from the scale.
    """

    trainer: Supervised
    stages: tuple

    def fit(self, build, sets, scale, folder):
        """Train all stages; see `kregzoo.training.trainers`."""
        model, seconds = None, 0.0
        for number, changes in enumerate(self.stages, start=1):
            earlier, model = model, build(**changes)
            if earlier is not None:
                for name in transfer_weights(earlier, model):
                    model.get_layer(name).trainable = False
            stage = pathlib.Path(folder) / f"stage_{number}"
            seconds += self.trainer.fit_model(model, sets, scale, stage)
        return Trained(model, self.stages[-1], seconds)


def all_items(dataset):
    """Concatenate all items of a dataset, so that all evaluations use the same data."""
    items = [dataset[index] for index in range(len(dataset))]
    return keras.tree.map_structure(
        lambda *arrays: keras.ops.concatenate(arrays), *items
    )


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
