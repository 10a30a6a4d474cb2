"""Penalty on neighboring voxels that change places."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.base import SampleLoss
from kregzoo.losses.common import forward_differences, voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class AntiFolding(SampleLoss):
    """Penalize differences between neighboring displacements that are below -1.

    The mean over axes, components and voxels of `max(0, -(d + 1)) * (d + 1)**2`, where
    d is the forward difference. If d is below -1 along the axis of the component, two
    neighboring voxels change places. Zhang, Inverse-Consistent Deep Networks for
    Unsupervised Deformable Image Registration, arXiv 1809.03443, as in the public code,
    which treats all components along all axes equally. In place of `(d + 1)**2`, the
    text of the paper has the squared gradient. At least 0. If no difference is below
    -1, the loss and the gradient are 0.

    `call(y_true, y_pred)` ignores `y_true`, takes a displacement `(B, *spatial, D)` in
    voxels and returns `(B,)`.

    Args:
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Example:
        >>> import numpy as np
        >>> mirror = np.zeros((1, 8, 8, 2), "float32")
        >>> mirror[..., 0] = -2.0 * np.arange(8)[:, None]
        >>> float(AntiFolding()(mirror, mirror))
        0.25
    """

    def __init__(self, name="anti_folding", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        return _anti_folding(y_pred)


@ops.fused
def _anti_folding(field):
    means = [
        voxel_mean(kops.relu(-(d + 1.0)) * kops.square(d + 1.0))
        for d in forward_differences(field)
    ]
    return sum(means) / len(means)
