"""Trainers, which fit the network of a recipe.

Every trainer has a method `fit(build, sets, scale, folder)` that returns a `Trained`.
The callable `build(**changes)` makes the network of the scale with the initial weights
of the recipe; `changes` replace arguments of the builder. If the folder holds the
checkpoint of an interrupted training, `fit` continues that training.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable

import keras
import numpy as np

from kregzoo.training.checkpoints import Checkpoint
from kregzoo.training.tensorboard import slices_callback

STEPS_PER_EPOCH = 100
# Epochs between two validations.
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
    """Train a network by `compile` and `fit`.

    Args:
        losses: dict of losses by output. `"warped_labels"` is left out if the data have
            no labels.
        weights: dict of floats by output. Defaults to 1 for each.
        optimizer: callable of a learning rate or schedule that returns the optimizer.

    Example:
        >>> from kregzoo.losses import NCC, Gradient
        >>> trainer = Supervised({"warped": NCC(), "displacement": Gradient()})
        >>> trainer.weights_of(trainer.losses)
        {'warped': 1.0, 'displacement': 1.0}
    """

    losses: dict
    weights: dict = dataclasses.field(default_factory=dict)
    optimizer: Callable = keras.optimizers.Adam

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
        training_set.steps_per_epoch = min(STEPS_PER_EPOCH, scale.steps)
        epochs = -(-scale.steps // training_set.steps_per_epoch)
        run = self.make_loop(model, folder)
        checkpoint = Checkpoint(folder)
        training_set.epoch = checkpoint.restore(model, training_set.steps_per_epoch)
        callbacks = [checkpoint, *slices_callback(folder, validation_set)]
        if training_set.epoch < epochs:
            run(training_set, validation_set, epochs, callbacks)
        return checkpoint.seconds

    def losses_for(self, training_set):
        """Select the losses whose targets are in the data."""
        if getattr(training_set, "labels", None):
            return dict(self.losses)
        return {k: loss for k, loss in self.losses.items() if k != "warped_labels"}

    def weights_of(self, losses):
        """Look up the weights of losses."""
        return {name: self.weights.get(name, 1.0) for name in losses}

    def make_loop(self, model, folder):
        """Make a callable that trains a compiled network from `training_set.epoch`."""
        return functools.partial(_fit, model)


def _fit(model, training_set, validation_set, epochs, callbacks):
    model.fit(
        training_set,
        initial_epoch=training_set.epoch,
        epochs=epochs,
        # Items are random already, and Keras does not shuffle them in the same order
        # after an interruption.
        shuffle=False,
        validation_data=all_items(validation_set),
        validation_batch_size=validation_set.batch_size,
        validation_freq=VALIDATION_EVERY,
        callbacks=callbacks,
    )


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
