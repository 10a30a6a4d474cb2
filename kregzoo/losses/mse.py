"""Mean squared error between images."""

import keras
from keras import ops as kops

from kregzoo.losses.base import ImageLoss
from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class MSE(ImageLoss):
    """Compute the mean squared difference of intensities, for images of one modality.

    At least 0, in squared intensity. Unlike `keras.losses.MeanSquaredError`, it takes a
    mask and returns one value per sample.

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped image
    `(B, *spatial, C)` and optional weights `(B, *spatial, 1)`; it returns `(B,)`.

    Args:
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Example:
        >>> fixed = keras.ops.zeros((1, 8, 8, 1))
        >>> float(MSE()(fixed, fixed + 2.0))
        4.0
    """

    def __init__(self, name="mse", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred, mask=None):
        return voxel_mean(kops.square(y_true - y_pred), mask)
