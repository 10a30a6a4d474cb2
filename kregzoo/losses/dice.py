"""Overlap of label maps."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.base import ImageLoss


@keras.saving.register_keras_serializable(package="kregzoo")
class Dice(ImageLoss):
    """Compute one minus the soft Dice overlap, averaged over labels and scales.

    At each scale both label maps are smoothed by a Gaussian, so that structures without
    overlap have a gradient, too. Hu et al., Weakly-Supervised Convolutional Neural
    Networks for Multimodal Image Registration, MedIA 2018, use the scales 0, 1, 2, 4, 8
    (and 16) voxels. The denominator sums squares, as in V-Net (Milletari et al., 3DV
    2016), so that the loss of equal soft maps is 0 at every scale. In [0, 1].

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped labels, one-hot or
    probabilities `(B, *spatial, labels)` without the background, and optional weights
    `(B, *spatial, 1)`; it returns `(B,)`. A label absent from both counts as 0.

    Args:
        scales: tuple of floats >= 0. Standard deviations in voxels; 0 for no smoothing.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `scales` is empty or contains a negative number.

    Example:
        >>> import numpy as np
        >>> fixed, warped = np.zeros((2, 1, 16, 16, 1), "float32")
        >>> fixed[:, :, 2:6], warped[:, :, 10:14] = 1.0, 1.0
        >>> float(Dice()(fixed, warped))
        1.0
        >>> bool(Dice(scales=(0, 4))(fixed, warped) < 0.95)
        True
    """

    def __init__(self, scales=(0,), name="dice", **kwargs):
        super().__init__(name=name, **kwargs)
        if not scales or min(scales) < 0:
            raise ValueError(
                "`scales` must hold at least one number, none negative. "
                f"Received: scales={scales}"
            )
        self.scales = tuple(scales)

    def call(self, y_true, y_pred, mask=None):
        both = [kops.cast(labels, "float32") for labels in (y_true, y_pred)]
        labels = kops.concatenate(both, axis=-1)
        overlaps = [_dice(labels, mask, scale) for scale in self.scales]
        return 1.0 - sum(overlaps) / len(overlaps)

    def get_config(self):
        return {**super().get_config(), "scales": list(self.scales)}


@ops.fused
def _dice(labels, mask, scale):
    fixed, warped = kops.split(ops.smooth(labels, scale), 2, axis=-1)
    intersection = 2.0 * _sum(fixed * warped, mask)
    total = _sum(kops.square(fixed) + kops.square(warped), mask)
    epsilon = 1e-6
    return kops.mean((intersection + epsilon) / (total + epsilon), axis=-1)


def _sum(values, mask):
    """Sum over voxels, `(B, labels)`."""
    if mask is not None:
        values = values * kops.cast(mask, values.dtype)
    return kops.sum(values, axis=tuple(range(1, len(values.shape) - 1)))
