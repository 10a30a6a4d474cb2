"""Mutual information and normalized mutual information of images."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.base import ImageLoss


class _HistogramLoss(ImageLoss):
    """Base class of losses of the entropies of a joint histogram."""

    def __init__(self, bins=32, intensity_range=(0.0, 1.0), **kwargs):
        super().__init__(**kwargs)
        if bins < 4:
            raise ValueError(f"`bins` must be at least 4. Received: bins={bins}")
        low, high = intensity_range
        if low >= high:
            raise ValueError(
                "`intensity_range` must be an increasing pair. "
                f"Received: intensity_range={intensity_range}"
            )
        self.bins = bins
        self.intensity_range = (low, high)

    def entropies(self, fixed, warped, mask):
        """Compute the entropies `(B,)` of the fixed, the warped and both images."""
        joint = ops.joint_histogram(
            fixed, warped, self.bins, mask, self.intensity_range
        )
        parts = [kops.sum(joint, axis=2), kops.sum(joint, axis=1), joint]
        return [_entropy(part) for part in parts]

    def get_config(self):
        return {
            **super().get_config(),
            "bins": self.bins,
            "intensity_range": list(self.intensity_range),
        }


@keras.saving.register_keras_serializable(package="kregzoo")
class MI(_HistogramLoss):
    """Compute the negative mutual information, for images of different modalities.

    `H(fixed, warped) - H(fixed) - H(warped)` in nats, from the joint Parzen histogram
    of Mattes et al., PET-CT Image Registration in the Chest Using Free-Form
    Deformations, IEEE TMI 2003. In [-log(bins), 0]: 0 for independent intensities.

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped image
    `(B, *spatial, 1)` and optional weights `(B, *spatial, 1)`; it returns `(B,)`.

    Args:
        bins: int >= 4. Bins per image.
        intensity_range: pair of floats. Other intensities are clipped.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `bins` is below 4 or `intensity_range` is not increasing.

    Example:
        >>> image = keras.random.uniform((1, 32, 32, 1), seed=0)
        >>> noise = keras.random.uniform((1, 32, 32, 1), seed=1)
        >>> bool(MI()(image, 1.0 - image) < MI()(image, noise))
        True
    """

    def __init__(self, bins=32, intensity_range=(0.0, 1.0), name="mi", **kwargs):
        super().__init__(bins, intensity_range, name=name, **kwargs)

    def call(self, y_true, y_pred, mask=None):
        fixed, warped, joint = self.entropies(y_true, y_pred, mask)
        return joint - fixed - warped


@keras.saving.register_keras_serializable(package="kregzoo")
class NMI(_HistogramLoss):
    """Compute the negative normalized mutual information.

    `-(H(fixed) + H(warped)) / H(fixed, warped)`, with the histogram of `MI`. Studholme
    et al., An Overlap Invariant Entropy Measure of 3D Medical Image Alignment, Pattern
    Recognition 1999. In [-2, -1]: -1 for independent intensities.

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped image
    `(B, *spatial, 1)` and optional weights `(B, *spatial, 1)`; it returns `(B,)`.

    Args:
        bins: int >= 4. Bins per image.
        intensity_range: pair of floats. Other intensities are clipped.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `bins` is below 4 or `intensity_range` is not increasing.

    Example:
        >>> image = keras.random.uniform((1, 32, 32, 1), seed=0)
        >>> noise = keras.random.uniform((1, 32, 32, 1), seed=1)
        >>> bool(NMI()(image, 1.0 - image) < NMI()(image, noise))
        True
    """

    def __init__(self, bins=32, intensity_range=(0.0, 1.0), name="nmi", **kwargs):
        super().__init__(bins, intensity_range, name=name, **kwargs)

    def call(self, y_true, y_pred, mask=None):
        fixed, warped, joint = self.entropies(y_true, y_pred, mask)
        return -(fixed + warped) / kops.maximum(joint, 1e-6)


def _entropy(probabilities):
    axes = tuple(range(1, len(probabilities.shape)))
    logarithms = kops.log(kops.maximum(probabilities, 1e-12))
    return -kops.sum(probabilities * logarithms, axis=axes)
