"""Structural similarity."""

import keras

from kregzoo import ops
from kregzoo.losses.base import ImageLoss
from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class SSIM(ImageLoss):
    """Compute one minus the mean structural similarity in a sliding box.

    Wang et al., Image Quality Assessment: From Error Visibility to Structural
    Similarity, IEEE TIP 2004, equation 13, with a uniform window and the constants
    0.01 and 0.03. In [0, 2]: 0 only for equal images.

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped image
    `(B, *spatial, C)` and optional weights `(B, *spatial, 1)`; it returns `(B,)`.

    Args:
        window: odd int >= 3. Edge of the box in voxels.
        intensity_width: float > 0. Largest minus smallest possible intensity.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `window` is even or less than 3, or `intensity_width` is not
            positive.

    Example:
        >>> image = keras.random.uniform((1, 16, 16, 1), seed=0)
        >>> round(float(SSIM()(image, image)), 3)
        0.0
    """

    def __init__(self, window=7, intensity_width=1.0, name="ssim", **kwargs):
        super().__init__(name=name, **kwargs)
        if window < 3 or window % 2 == 0:
            raise ValueError(
                f"`window` must be odd and at least 3. Received: window={window}"
            )
        if intensity_width <= 0:
            raise ValueError(
                "`intensity_width` must be positive. "
                f"Received: intensity_width={intensity_width}"
            )
        self.window = window
        self.intensity_width = intensity_width

    def call(self, y_true, y_pred, mask=None):
        return _dissimilarity(y_true, y_pred, mask, self.window, self.intensity_width)

    def get_config(self):
        return {
            **super().get_config(),
            "window": self.window,
            "intensity_width": self.intensity_width,
        }


@ops.fused
def _dissimilarity(fixed, warped, mask, window, intensity_width):
    moments = ops.local_moments(fixed, warped, window, mask)
    f, w, variance_fixed, variance_warped, covariance = moments
    c1 = (0.01 * intensity_width) ** 2
    c2 = (0.03 * intensity_width) ** 2
    luminance = (2.0 * f * w + c1) / (f * f + w * w + c1)
    structure = (2.0 * covariance + c2) / (variance_fixed + variance_warped + c2)
    return 1.0 - voxel_mean(luminance * structure, mask)
