"""Local normalized cross-correlation."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.base import ImageLoss
from kregzoo.losses.common import voxel_mean

# Four units in the last place of a float32 of 1.
ROUNDING = 2.0**-21


@keras.saving.register_keras_serializable(package="kregzoo")
class LNCC(ImageLoss):
    """Compute one minus the mean squared correlation coefficient in a sliding box.

    Per voxel, the squared coefficient is `cross**2 / (var_fixed * var_warped +
    epsilon)`, with sums over the box. Avants et al., Symmetric Diffeomorphic Image
    Registration with Cross-Correlation, MedIA 2008, as in VoxelMorph (Balakrishnan et
    al., CVPR 2018). In [0, 1]: 0 if one image is a linear function of the other in
    every box. Boxes of constant intensity count as 1.

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped image
    `(B, *spatial, C)`, with intensities of the order of 1 or above, and optional
    weights `(B, *spatial, 1)`; it returns `(B,)`. A box counts as constant if its
    contrast is below the float32 resolution of its intensities.

    Args:
        window: odd int. Edge of the box in voxels.
        epsilon: float > 0. Keeps the coefficient finite in constant boxes. A box counts
            as constant if the product of the sums of squared deviations is far below
            `epsilon`.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `window` is even or less than 3.

    Example:
        >>> image = keras.random.uniform((1, 16, 16, 1), seed=0)
        >>> round(float(LNCC()(image, image)), 3)
        0.0
    """

    def __init__(self, window=9, epsilon=1e-5, name="lncc", **kwargs):
        super().__init__(name=name, **kwargs)
        if window < 3 or window % 2 == 0:
            raise ValueError(
                f"`window` must be odd and at least 3. Received: window={window}"
            )
        self.window = window
        self.epsilon = epsilon

    def call(self, y_true, y_pred, mask=None):
        return _dissimilarity(y_true, y_pred, mask, self.window, self.epsilon)

    def get_config(self):
        return {
            **super().get_config(),
            "window": self.window,
            "epsilon": self.epsilon,
        }


@ops.fused
def _dissimilarity(fixed, warped, mask, window, epsilon):
    moments = ops.local_moments(fixed, warped, window, mask)
    mean_fixed, mean_warped, variance_fixed, variance_warped, covariance = moments
    # `epsilon` is defined for sums over the box, but the moments are means.
    epsilon = epsilon / window ** (2 * (len(warped.shape) - 2))
    variances = _above_rounding(variance_fixed, mean_fixed)
    variances = variances * _above_rounding(variance_warped, mean_warped)
    squared = kops.square(covariance) / (variances + epsilon)
    # Rounding errors may exceed the range.
    return kops.clip(1.0 - voxel_mean(squared, mask), 0.0, 1.0)


def _above_rounding(variance, mean):
    """Add the variance of rounding errors, so that constant boxes are uncorrelated.

    Interpolation rounds each voxel by a few units in the last place.
    """
    return variance + kops.square(ROUNDING * mean)
