"""Distance between the end points of two displacements."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.base import SampleLoss
from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class EndPointError(SampleLoss):
    """Compute the mean distance of two displacements, at the predicted resolution.

    The average end-point error of optical flow (Dosovitskiy et al., FlowNet, ICCV 2015,
    section 5). The target is resized to the grid of the prediction, but its values stay
    in voxels of the target's grid. In units of the prediction, at least 0.

    `call(y_true, y_pred)` takes the target `(B, *spatial, D)` in voxels and the
    prediction `(B, *any, D)` in units of `unit` of these voxels, and returns `(B,)`.

    Args:
        unit: float > 0. Unit of the prediction in voxels of the target.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `unit` is not positive.

    Example:
        >>> true = keras.ops.ones((1, 8, 8, 2)) * keras.ops.array([30.0, 40.0])
        >>> float(EndPointError(unit=10.0)(true, keras.ops.zeros((1, 4, 4, 2))))
        5.0
    """

    def __init__(self, unit=1.0, name="end_point_error", **kwargs):
        super().__init__(name=name, **kwargs)
        if unit <= 0:
            raise ValueError(f"`unit` must be positive. Received: unit={unit}")
        self.unit = unit

    def call(self, y_true, y_pred):
        target = kops.cast(y_true, "float32") / self.unit
        if target.shape[1:-1] != y_pred.shape[1:-1]:
            target = ops.resize(target, y_pred.shape[1:-1], antialias=True)
        squared = kops.sum(kops.square(target - y_pred), axis=-1, keepdims=True)
        # Keeps the gradient of the root finite where both are equal.
        return voxel_mean(kops.sqrt(squared + 1e-12))

    def get_config(self):
        return {**super().get_config(), "unit": self.unit}
