"""Error of predicted action values."""

import keras
from keras import ops as kops

from kregzoo.losses.base import SampleLoss


@keras.saving.register_keras_serializable(package="kregzoo")
class ActionValueError(SampleLoss):
    """Compute the error of action values, with more weight on their differences.

    The loss is the squared error of the mean over actions, times `level`, plus the mean
    squared error of the deviations from this mean, divided by their variance plus
    `floor`. The differences decide because an agent takes the action of the largest
    value, and far from the goal all values are nearly equal.

    `call(y_true, y_pred)` takes values `(B, A)` and returns `(B,)`. At least 0.

    Args:
        level: float >= 0. Weight of the error of the mean.
        floor: float > 0. Added to the variance. Limits the weight of states whose
            values are nearly equal, such as the goal.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `level` is negative or `floor` is not positive.

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
