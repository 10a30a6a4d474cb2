"""Error of what actions are predicted to be worth."""

import keras
from keras import ops as kops

from kregzoo.losses.base import SampleLoss


@keras.saving.register_keras_serializable(package="kregzoo")
class ActionValueError(SampleLoss):
    """Squared error of action values, of which the differences decide.

    The squared error of what the values of a state have in common, times `level`, and
    the mean squared error of how they differ, relative to `floor` and how much they
    do: an agent takes the largest, and far from the goal all are nearly alike.

    `call(y_true, y_pred)` takes values `(B, A)` and returns `(B,)`. At least 0.

    Args:
        level: float >= 0. Weight of the common part.
        floor: float > 0. A variance of values below which they may as well be the same,
            as they are at the goal.
        name: str. The loss's name.
        **kwargs: of `keras.losses.Loss`.

    Raises:
        ValueError: when `level` is negative or `floor` is not positive.

    Example:
        >>> values = keras.ops.convert_to_tensor([[1.0, 3.0]])
        >>> float(ActionValueError(level=0.5)(values, values + 2.0))
        2.0
    """

    def __init__(self, level=0.01, floor=0.01, name="action_value_error", **kwargs):
        super().__init__(name=name, **kwargs)
        if level < 0:
            raise ValueError(f"`level` must not be negative. Received: level={level}")
        if floor <= 0:
            raise ValueError(f"`floor` must be positive. Received: floor={floor}")
        self.level = level
        self.floor = floor

    def call(self, y_true, y_pred):
        true, found = (kops.cast(values, "float32") for values in (y_true, y_pred))
        error = kops.mean(found - true, axis=-1)
        own, other = (v - kops.mean(v, axis=-1, keepdims=True) for v in (true, found))
        spread = kops.mean(kops.square(own), axis=-1) + self.floor
        differing = kops.mean(kops.square(other - own), axis=-1) / spread
        return differing + self.level * kops.square(error)

    def get_config(self):
        return {**super().get_config(), "level": self.level, "floor": self.floor}
