"""Global normalized cross-correlation."""

import keras
from keras import ops as kops

from kregzoo.losses.base import ImageLoss
from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class NCC(ImageLoss):
    """Compute one minus the correlation coefficient of all intensities.

    In [0, 2]: 0 if one image is an increasing linear function of the other, 1 for
    uncorrelated or constant images, 2 for inverted contrast. Invariant to the scale of
    the intensities.

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped image
    `(B, *spatial, C)` and optional weights `(B, *spatial, 1)`; it returns `(B,)`.

    Args:
        epsilon: float > 0. An image counts as constant if its variance is at most this
            fraction of its mean squared intensity. The default is just above the
            rounding errors of float32.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Example:
        >>> fixed = keras.random.uniform((1, 8, 8, 1), seed=0)
        >>> round(float(NCC()(fixed, 1.0 - fixed)), 3)
        2.0
    """

    def __init__(self, epsilon=1e-12, name="ncc", **kwargs):
        super().__init__(name=name, **kwargs)
        self.epsilon = epsilon

    def call(self, y_true, y_pred, mask=None):
        fixed, warped = (kops.cast(image, "float32") for image in (y_true, y_pred))
        fixed, deviation_fixed, flat_fixed = self._centered(fixed, mask)
        warped, deviation_warped, flat_warped = self._centered(warped, mask)
        covariance = voxel_mean(fixed * warped, mask)
        # Two divisions, because the product of the deviations may overflow.
        correlation = covariance / deviation_fixed / deviation_warped
        flat = kops.logical_or(flat_fixed, flat_warped)
        # Rounding errors may exceed the range.
        return 1.0 - kops.clip(kops.where(flat, 0.0, correlation), -1.0, 1.0)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}

    def _centered(self, image, mask):
        """Return the centered image, its standard deviation, and if it is constant.

        The deviation of a constant image is set to 1, so that the gradient is finite.
        """
        square = voxel_mean(kops.square(image), mask)
        # The second subtraction removes the rounding error of the first mean.
        centered = _subtract_mean(_subtract_mean(image, mask), mask)
        variance = voxel_mean(kops.square(centered), mask)
        flat = variance <= self.epsilon * square
        deviation = kops.sqrt(kops.where(flat, 1.0, variance))
        return centered, deviation, flat


def _subtract_mean(image, mask):
    mean = voxel_mean(image, mask)
    return image - kops.reshape(mean, (-1,) + (1,) * (len(image.shape) - 1))
