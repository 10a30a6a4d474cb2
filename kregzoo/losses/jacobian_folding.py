"""Penalty on folds."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.base import SampleLoss
from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class JacobianFolding(SampleLoss):
    """Compute the mean of the negative part of the Jacobian determinant.

    `mean(max(0, -det(I + du/dx)))`. Kuang and Schmah, FAIM - A ConvNet Method for
    Unsupervised 3D Medical Image Registration, MLMI 2019, sum the same `(|J| - J) / 2`
    over voxels. At least 0. Without folds, the loss and the gradient are 0.

    `call(y_true, y_pred)` ignores `y_true`, takes a displacement `(B, *spatial, D)` in
    voxels and returns `(B,)`.

    Args:
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Example:
        >>> import numpy as np
        >>> mirror = np.zeros((1, 8, 8, 2), "float32")
        >>> mirror[..., 0] = -2.0 * np.arange(8)[:, None]
        >>> float(JacobianFolding()(mirror, mirror))
        1.0
    """

    def __init__(self, name="jacobian_folding", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        return _folding(y_pred)


@ops.fused
def _folding(displacement):
    return voxel_mean(kops.relu(-ops.jacobian_determinant(displacement)))
