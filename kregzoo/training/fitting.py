"""A training run that goes on where it was killed."""

import dataclasses
import pathlib

import keras
import numpy as np

from kregzoo.training.adversarial import VALIDATION_EVERY, AdversarialTrainer
from kregzoo.training.checkpoints import Checkpoint
from kregzoo.training.tensorboard import slices_callback

STEPS_PER_EPOCH = 100


def fit(model, recipe, scale, pairs, validation, directory):
    """Train a model by a recipe, from its last checkpoint if there is one.

    Args:
        model: the `RegistrationModel`, uncompiled.
        recipe: the `Recipe`.
        scale: the `Scale`.
        pairs: the `PairDataset` to train on, or the environment of an agent.
        validation: the `PairDataset` to validate on.
        directory: folder of the checkpoint, the history and the TensorBoard logs.

    Returns:
        The trained model, and the seconds that its training took in all.

    Raises:
        ValueError: when the checkpoint is of another network.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if recipe.game:
        # Agents import this package, so it cannot import them when it is loaded.
        from kregzoo.agents.q_learning import play

        settings = dataclasses.replace(
            recipe.learning, steps=scale.steps, batch_size=scale.batch_size
        )
        agent = model.get_layer("agent")
        return model, play(agent, pairs, settings, scale.learning_rate, directory)
    checkpoint = Checkpoint(directory)
    schedule = keras.optimizers.schedules.CosineDecay(scale.learning_rate, scale.steps)
    losses, weights = recipe.losses(), dict(recipe.loss_weights)
    if not pairs.labels:
        losses.pop("warped_labels", None)
    if recipe.adversary:
        losses["quality"], weights["quality"] = recipe.adversary.loss(), 1.0
    model.compile(
        keras.optimizers.Adam(schedule),
        loss=losses,
        loss_weights={name: weights[name] for name in losses},
    )
    pairs.steps_per_epoch = min(STEPS_PER_EPOCH, scale.steps)
    epochs = -(-scale.steps // pairs.steps_per_epoch)
    if recipe.adversary:
        turns = AdversarialTrainer(
            model, recipe.adversary, directory / "discriminator.keras"
        )
    pairs.epoch = checkpoint.restore(model, pairs.steps_per_epoch)
    callbacks = [checkpoint, *slices_callback(directory, validation)]
    if pairs.epoch < epochs and recipe.adversary:
        turns.fit(pairs, epochs, callbacks, _items(validation))
    elif pairs.epoch < epochs:
        model.fit(
            pairs,
            initial_epoch=pairs.epoch,
            epochs=epochs,
            # Items are drawn at random as it is, and Keras does not shuffle them in
            # the same order after an interruption.
            shuffle=False,
            validation_data=_items(validation),
            validation_batch_size=validation.batch_size,
            validation_freq=VALIDATION_EVERY,
            callbacks=callbacks,
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
