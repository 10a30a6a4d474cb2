"""Several losses on one output."""

import keras

from kregzoo.losses.base import SampleLoss


@keras.saving.register_keras_serializable(package="kregzoo")
class WeightedSum(SampleLoss):
    """Compute a weighted sum of losses, because Keras takes one loss per output.

    `call(y_true, y_pred)` passes both to each loss and returns `(B,)`.

    Args:
        terms: sequence of pairs `(loss, weight)`.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `terms` is empty.

    Example:
        >>> from kregzoo.losses import BendingEnergy, Gradient
        >>> loss = WeightedSum([(Gradient(), 0.5), (BendingEnergy(), 2.0)])
        >>> field = keras.ops.zeros((1, 8, 8, 2))
        >>> float(loss(field, field))
        0.0
    """

    def __init__(self, terms, name="weighted_sum", **kwargs):
        super().__init__(name=name, **kwargs)
        self.terms = [(keras.losses.get(loss), weight) for loss, weight in terms]
        if not self.terms:
            raise ValueError("`terms` must contain a loss. Received: terms=()")

    def call(self, y_true, y_pred):
        return sum(weight * loss.call(y_true, y_pred) for loss, weight in self.terms)

    def get_config(self):
        terms = [(keras.losses.serialize(loss), weight) for loss, weight in self.terms]
        return {**super().get_config(), "terms": terms}
