"""Adversarial training of a registration network with a discriminator.

The network must have an output `"quality"`, the logits of an inner model
`"discriminator"` that is called on `{"warped": ..., "fixed": ...}`. A `GradientScale`
layer named `"adversary"` must precede the `"warped"` input of that model. Two compiled
models are trained in turn: the network with frozen discriminator weights, and the
discriminator alone.
"""

import contextlib
import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses import Wasserstein
from kregzoo.training.checkpoints import MODEL
from kregzoo.training.trainers import Supervised

LOGGED = ("discriminator_loss", "discriminator_ranked")


def as_warped(x, outputs):
    """Return the moving images warped by the network."""
    return outputs["warped"]


@dataclasses.dataclass(frozen=True)
class Adversary:
    """Settings of the discriminator training and of the adversarial loss.

    Args:
        positives: callable of a batch `x, y` that returns images `(B, *spatial, 1)`
            aligned with `x["fixed"]`.
        learning_rate: float. Learning rate of the discriminator (Adam).
        weight: float. Factor of the discriminator gradient in the network.
        ramp: tuple of two ints, start and end step of the weight ramp. The weight is 0
            up to the start, rises linearly, and is complete from the end on.
        steps: int. Discriminator steps per network step.
        smoothing: float. Label smoothing: the target of positives is `1 - smoothing`.
        gates: tuple of pairs `(loss, factor)` in order of falling loss. The learning
            rate is multiplied by the factor of the first pair whose loss is below the
            last loss of the discriminator, or by 0 if there is no such pair. Empty for
            a constant learning rate.
        penalty: float. If 0, the loss is the cross-entropy of logits. Otherwise the
            discriminator is a Wasserstein critic with this gradient penalty weight.
        beta_1: float. Beta 1 of the discriminator (Adam).
        negatives: callable of `x` and the network outputs, as arrays, that returns
            misaligned images.
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
        """Make the loss of the discriminator, also of the network with targets of 1."""
        if self.penalty:
            return Wasserstein()
        return keras.losses.BinaryCrossentropy(from_logits=True)

    def weight_at(self, step):
        """Compute the factor of the discriminator gradient at a step."""
        start, end = self.ramp
        if step >= end:
            return self.weight
        return self.weight * max(0.0, (step - start) / (end - start))

    def rate_after(self, loss):
        """Compute the learning rate of the discriminator from its last loss."""
        factors = [factor for bound, factor in self.gates if loss > bound]
        factor = factors[0] if factors else 0.0
        return self.learning_rate * (factor if self.gates else 1.0)


@keras.saving.register_keras_serializable(package="kregzoo")
class Discriminator(keras.Model):
    """Functional Keras model that scores alignments, trained by `compile`.

    The model is called on `{"warped": ..., "fixed": ...}`, images `(B, *spatial, 1)`,
    and returns logits, `(B, 1)` or a map `(B, ..., 1)`, which are high for aligned
    images.

    A `penalty` above 0 is the weight of the gradient penalty of a Wasserstein critic
    (Gulrajani et al., NeurIPS 2017). The penalty is the mean of `(|gradient| - 1)**2`
    at points between the aligned images (first half of a batch) and the misaligned
    images (second half). The points are evenly spaced over the batch, not random.

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
        # The gradient of the square root is infinite at 0.
        length = kops.sqrt(kops.sum(kops.square(slope), axis=axes) + 1e-12)
        return kops.mean(kops.square(length - 1.0))


@keras.saving.register_keras_serializable(package="kregzoo")
def ranked(y_true, y_pred):
    """Compute how often the first half of a batch scores above the second half."""
    aligned, others = kops.split(_by_sample(y_pred), 2)
    return kops.cast(aligned > others, "float32")


def _by_sample(logits):
    return kops.mean(logits, axis=tuple(range(1, len(logits.shape))))


class AdversarialLoop:
    """Train a network and its discriminator in turn.

    The discriminator weights are frozen while the network trains.

    Args:
        model: the compiled `RegistrationModel`.
        adversary: the `Adversary`.

    Raises:
        ValueError: If the model has no discriminator.
    """

    def __init__(self, model, adversary):
        names = [layer.name for layer in model.layers]
        if "quality" not in model.output or "discriminator" not in names:
            raise ValueError(
                "`model` must have an output `quality` and a layer `discriminator`. "
                f"Received: outputs {tuple(model.output)}"
            )
        self.model = model
        self.adversary = adversary
        own = model.get_layer("discriminator")
        # A separate model of the same layers. If the inner model were compiled itself,
        # its optimizer would be saved with the network.
        self.discriminator = Discriminator(own.input, own.output, name=own.name)
        self.discriminator.penalty = adversary.penalty
        self.discriminator.compile(
            keras.optimizers.Adam(adversary.learning_rate, adversary.beta_1),
            loss=adversary.loss(),
            metrics=[ranked],
        )
        # Build the optimizer before the weights are frozen.
        self.discriminator.optimizer.build(self.discriminator.trainable_variables)
        self.discriminator.trainable = False
        self.models = {MODEL: model, "discriminator": self.discriminator}

    def fit(self, training_set, validation, first, last, validated, callbacks):
        """Train both models for some epochs; see `KerasLoop.fit`."""
        steps = len(training_set)
        run = keras.callbacks.CallbackList(
            callbacks, True, True, self.model, verbose=1, epochs=last, steps=steps
        )
        self.model.stop_training = False
        run.on_train_begin()
        for epoch in range(first, last):
            run.on_epoch_begin(epoch)
            self.model.reset_metrics()
            judged = []
            for index in range(steps):
                run.on_train_batch_begin(index)
                x, y, _ = keras.utils.unpack_x_y_sample_weight(training_set[index])
                logs = self.train_on_batch(x, y, int(self.model.optimizer.iterations))
                judged.append({key: logs[key] for key in LOGGED})
                run.on_train_batch_end(index, logs)
            training_set.on_epoch_end()
            logs |= {key: np.mean([batch[key] for batch in judged]) for key in LOGGED}
            if epoch + 1 in validated:
                logs |= self._validated(validation, training_set.batch_size)
            run.on_epoch_end(epoch, logs)
            if self.model.stop_training:
                break
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
            Dict of the mean losses of the network since the last reset, and of two
            metrics of this batch: `discriminator_loss`, and `discriminator_ranked`, the
            fraction of aligned images that score above the misaligned image.
        """
        outputs = self.model.predict_on_batch(x)
        judged = self._train_discriminator(x, y, outputs)
        self.model.get_layer("adversary").scale.assign(self.adversary.weight_at(step))
        # The network should make the discriminator classify all alignments as good.
        targets = {**(y or {}), "quality": np.ones_like(outputs["quality"])}
        return {**self.model.train_on_batch(x, targets, return_dict=True), **judged}

    def _train_discriminator(self, x, y, outputs):
        positives = self.adversary.positives(x, y)
        both = {
            "warped": kops.concatenate(
                [positives, self.adversary.negatives(x, outputs)]
            ),
            "fixed": kops.concatenate([x["fixed"]] * 2),
        }
        aligned = np.ones_like(outputs["quality"]) - self.adversary.smoothing
        targets = np.concatenate([aligned, np.zeros_like(aligned)])
        for _ in range(self.adversary.steps):
            self.discriminator.reset_metrics()
            with self._unfrozen():
                logs = self.discriminator.train_on_batch(
                    both, targets, return_dict=True
                )
            rate = self.adversary.rate_after(float(logs["loss"]))
            self.discriminator.optimizer.learning_rate = rate
        values = float(logs["loss"]), float(logs["ranked"])
        return dict(zip(LOGGED, values, strict=True))

    @contextlib.contextmanager
    def _unfrozen(self):
        """Unfreeze the weights of the discriminator."""
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
        monitor: See `Supervised`.
        patience: See `Supervised`.
        adversary: the `Adversary`.
    """

    adversary: Adversary = dataclasses.field(kw_only=True)

    def losses_for(self, training_set):
        losses = super().losses_for(training_set)
        return {**losses, "quality": self.adversary.loss()}

    def make_loop(self, model):
        return AdversarialLoop(model, self.adversary)
