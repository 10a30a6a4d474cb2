"""Training of a registration network against a discriminator.

A network that is trained so has an output `"quality"`: logits of its inner model
`"discriminator"`, called on `{"warped": ..., "fixed": ...}`, with a `GradientScale`
named `"adversary"` between the warped image and it. Two compiled models take turns:
the network, with the discriminator's weights held, and the discriminator by itself.
"""

import contextlib
import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses import Wasserstein
from kregzoo.training.checkpoints import restore
from kregzoo.training.trainers import VALIDATION_EVERY, Supervised, all_items
from kregzoo.utils.files import atomic

JUDGED = ("discriminator_loss", "discriminator_ranked")


def as_warped(x, outputs):
    """The moving images as the network warped them."""
    return outputs["warped"]


@dataclasses.dataclass(frozen=True)
class Adversary:
    """How a discriminator is trained, and how much it teaches.

    Args:
        positives: callable of a batch `x, y` that gives images `(B, *spatial, 1)` that
            count as aligned with `x["fixed"]`.
        learning_rate: float, of the discriminator's Adam.
        weight: float. What its gradient is multiplied by in the network's loss.
        ramp: tuple of two ints: the step until which the weight is 0, and that from
            which on it is whole; between them it rises linearly.
        steps: int. The discriminator's steps for one of the network.
        smoothing: float. The target of positives is 1 less this.
        gates: tuple of pairs `(loss, factor)`, loss falling: the learning rate is
            multiplied by the factor of the first pair whose loss the discriminator's
            last one exceeds, and by 0 below all; empty for the rate as it is.
        penalty: float. 0 for the cross-entropy of logits; above, the discriminator is
            a Wasserstein critic, and this the weight of its gradient penalty.
        beta_1: float, of the discriminator's Adam.
        negatives: callable of `x` and the network's outputs, arrays, that gives images
            that count as misaligned.
    """

    positives: Callable
    learning_rate: float
    weight: float = 1.0
    ramp: tuple = (0, 0)
    steps: int = 1
    smoothing: float = 0.0
    gates: tuple = ()
    penalty: float = 0.0
    beta_1: float = 0.5
    negatives: Callable = as_warped

    def loss(self):
        """The loss of the discriminator, and, with targets of 1, of the network."""
        if self.penalty:
            return Wasserstein()
        return keras.losses.BinaryCrossentropy(from_logits=True)

    def weight_at(self, step):
        """What the network learns from the discriminator at a step."""
        start, end = self.ramp
        if step >= end:
            return self.weight
        return self.weight * max(0.0, (step - start) / (end - start))

    def rate_after(self, loss):
        """The discriminator's learning rate after a loss of its."""
        factors = [factor for bound, factor in self.gates if loss > bound]
        factor = factors[0] if factors else 0.0
        return self.learning_rate * (factor if self.gates else 1.0)


@keras.saving.register_keras_serializable(package="kregzoo")
class Discriminator(keras.Model):
    """A functional Keras model that judges alignments, trained by plain `compile`.

    It is called on `{"warped": ..., "fixed": ...}`, images `(B, *spatial, 1)`, and
    returns logits, `(B, 1)` or a map `(B, ..., 1)`, high for aligned images.

    A `penalty` above 0 is the weight of the gradient penalty of a Wasserstein critic
    (Gulrajani et al., NeurIPS 2017): the mean of `(|gradient| - 1)**2` at points
    between the two halves of a batch, the first of aligned images, the second of
    others. The points are spread evenly over the batch in place of drawn.

    Example:
        >>> warped = keras.Input((16, 16, 1), name="warped")
        >>> fixed = keras.Input((16, 16, 1), name="fixed")
        >>> difference = keras.layers.Subtract()([warped, fixed])
        >>> model = Discriminator(
        ...     inputs={"warped": warped, "fixed": fixed},
        ...     outputs=keras.layers.Conv2D(1, 3)(difference),
        ... )
        >>> model.penalty
        0.0
    """

    penalty = 0.0

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not (self.penalty and training):
            return loss
        return loss + self.penalty * self._gradient_penalty(x)

    def _gradient_penalty(self, x):
        aligned, others = kops.split(x["warped"], 2)
        fixed, _ = kops.split(x["fixed"], 2)
        count = kops.shape(aligned)[0]
        share = (kops.arange(count, dtype=aligned.dtype) + 0.5) / count
        share = kops.reshape(share, (-1, *[1] * (len(aligned.shape) - 1)))

        def scores(images):
            logits = self({"warped": images, "fixed": fixed}, training=True)
            return kops.sum(_by_sample(logits))

        between = others + share * (aligned - others)
        _, (slope,) = ops.value_and_grad(scores, [between], differentiable=True)
        axes = tuple(range(1, len(slope.shape)))
        # A square root has no slope at 0.
        length = kops.sqrt(kops.sum(kops.square(slope), axis=axes) + 1e-12)
        return kops.mean(kops.square(length - 1.0))


@keras.saving.register_keras_serializable(package="kregzoo")
def ranked(y_true, y_pred):
    """How often, in a batch of two halves, the first scores above the second."""
    aligned, others = kops.split(_by_sample(y_pred), 2)
    return kops.cast(aligned > others, "float32")


def _by_sample(logits):
    return kops.mean(logits, axis=tuple(range(1, len(logits.shape))))


class AdversarialTrainer:
    """A network and its discriminator, trained in turn.

    Between turns the discriminator's weights are held.

    Args:
        model: the compiled `RegistrationModel`.
        adversary: the `Adversary`.
        path: `.keras` file of the discriminator and its optimiser, to go on from if it
            exists.

    Raises:
        ValueError: when the model has no discriminator, or the file is of another one.
    """

    def __init__(self, model, adversary, path):
        names = [layer.name for layer in model.layers]
        if "quality" not in model.output or "discriminator" not in names:
            raise ValueError(
                "`model` must have an output `quality` of a layer `discriminator`. "
                f"Received: outputs {tuple(model.output)}"
            )
        self.model = model
        self.adversary = adversary
        self.path = path
        own = model.get_layer("discriminator")
        # The same layers in a model of their own: what one is compiled with would be
        # saved with the other.
        self.discriminator = Discriminator(own.input, own.output, name=own.name)
        self.discriminator.penalty = adversary.penalty
        self.discriminator.compile(
            keras.optimizers.Adam(adversary.learning_rate, adversary.beta_1),
            loss=adversary.loss(),
            metrics=[ranked],
        )
        if path.exists():
            restore(self.discriminator, path)
        self.discriminator.trainable = False

    def fit(self, pairs, validation_set, epochs, callbacks):
        """Train both, from epoch `pairs.epoch` on.

        Args:
            pairs: the `PairDataset`.
            validation_set: the `PairDataset` to evaluate the network on after every
                fifth epoch; None for none.
            epochs: int, the number of the last epoch.
            callbacks: list of Keras callbacks of the network's model.
        """
        validation = validation_set and all_items(validation_set)
        run = keras.callbacks.CallbackList(
            callbacks,
            True,
            True,
            self.model,
            verbose=1,
            epochs=epochs,
            steps=len(pairs),
        )
        run.on_train_begin()
        for epoch in range(pairs.epoch, epochs):
            run.on_epoch_begin(epoch)
            self.model.reset_metrics()
            judged = []
            for index in range(len(pairs)):
                run.on_train_batch_begin(index)
                item = keras.utils.unpack_x_y_sample_weight(pairs[index])
                logs = self.train_on_batch(*item[:2], epoch * len(pairs) + index)
                judged.append({key: logs[key] for key in JUDGED})
                run.on_train_batch_end(index, logs)
            pairs.on_epoch_end()
            logs |= {key: np.mean([batch[key] for batch in judged]) for key in JUDGED}
            with self._released(), atomic(self.path) as temporary:
                self.discriminator.save(temporary)
            if validation is not None and (epoch + 1) % VALIDATION_EVERY == 0:
                logs |= self._validated(validation, len(item[0]["fixed"]))
            run.on_epoch_end(epoch, logs)
        run.on_train_end()

    def _validated(self, validation, batch_size):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(validation)
        shape = self.model.output["quality"].shape[1:]
        ones = np.ones((len(x["fixed"]), *shape), "float32")
        found = self.model.evaluate(
            x,
            {**(y or {}), "quality": ones},
            batch_size=batch_size,
            verbose=0,
            return_dict=True,
        )
        return {f"val_{name}": value for name, value in found.items()}

    def train_on_batch(self, x, y, step):
        """Train the discriminator, then the network, on a batch.

        Args:
            x: dict of `"moving"` and `"fixed"`.
            y: dict of targets; may be empty or None.
            step: int, from 0.

        Returns:
            Dict of the network's mean losses since they were last reset, and of
            `discriminator_loss` and `discriminator_ranked`, how often an aligned image
            scores above the warped one, of this batch.
        """
        outputs = self.model.predict_on_batch(x)
        judged = self._train_discriminator(x, y, outputs)
        self.model.get_layer("adversary").scale.assign(self.adversary.weight_at(step))
        # What the network aims at: that every alignment is held for good.
        targets = {**(y or {}), "quality": np.ones_like(outputs["quality"])}
        return {**self.model.train_on_batch(x, targets, return_dict=True), **judged}

    def _train_discriminator(self, x, y, outputs):
        positives = self.adversary.positives(x, y)
        both = {
            "warped": np.concatenate([positives, self.adversary.negatives(x, outputs)]),
            "fixed": np.concatenate([x["fixed"]] * 2),
        }
        aligned = np.ones_like(outputs["quality"]) - self.adversary.smoothing
        targets = np.concatenate([aligned, np.zeros_like(aligned)])
        for _ in range(self.adversary.steps):
            self.discriminator.reset_metrics()
            with self._released():
                logs = self.discriminator.train_on_batch(
                    both, targets, return_dict=True
                )
            rate = self.adversary.rate_after(float(logs["loss"]))
            self.discriminator.optimizer.learning_rate = rate
        values = float(logs["loss"]), float(logs["ranked"])
        return dict(zip(JUDGED, values, strict=True))

    @contextlib.contextmanager
    def _released(self):
        """Its weights are the discriminator's to train."""
        self.discriminator.trainable = True
        yield
        self.discriminator.trainable = False


@dataclasses.dataclass(frozen=True)
class Adversarial(Supervised):
    """Train a network and its discriminator in turn.

    Args:
        losses: See `Supervised`.
        weights: See `Supervised`.
        optimizer: See `Supervised`.
        adversary: the `Adversary`.
    """

    adversary: Adversary = dataclasses.field(kw_only=True)

    def losses_for(self, training_set):
        losses = super().losses_for(training_set)
        return {**losses, "quality": self.adversary.loss()}

    def make_loop(self, model, folder):
        return AdversarialTrainer(
            model, self.adversary, folder / "discriminator.keras"
        ).fit
