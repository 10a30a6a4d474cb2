"""Global normalised cross-correlation."""

import keras
from keras import ops as kops

from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class NCC(keras.losses.Loss):
    """One minus the correlation coefficient of all intensities.

    In [0, 2]: 0 where one image is an increasing linear function of the other, 1 for
    unrelated or flat images, 2 for inverted contrast.

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped image
    `(B, *spatial, C)` and optional weights `(B, *spatial, 1)`; it returns `(B,)`.

    Args:
        epsilon: float > 0. Added to the product of the variances.
        name: str. The loss's name.
        **kwargs: of `keras.losses.Loss`.

    Example:
        >>> fixed = keras.random.uniform((1, 8, 8, 1), seed=0)
        >>> round(float(NCC()(fixed, 1.0 - fixed)), 3)
        2.0
    """

    def __init__(self, epsilon=1e-8, name="ncc", **kwargs):
        super().__init__(name=name, **kwargs)
        self.epsilon = epsilon

    def call(self, y_true, y_pred, mask=None):
        fixed = _centred(y_true, mask)
        warped = _centred(y_pred, mask)
        covariance = voxel_mean(fixed * warped, mask)
        variances = voxel_mean(fixed * fixed, mask) * voxel_mean(warped * warped, mask)
        return 1.0 - covariance / kops.sqrt(variances + self.epsilon)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


def _centred(image, mask):
    mean = voxel_mean(image, mask)
    return image - kops.reshape(mean, (-1,) + (1,) * (len(image.shape) - 1))
