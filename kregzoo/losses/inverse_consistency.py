"""Agreement of a displacement with its inverse."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.base import SampleLoss
from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class InverseConsistency(SampleLoss):
    """Compute the mean squared residual of a displacement followed by its inverse.

    The mean over voxels of `|u(x) + v(x + u(x))|**2`, averaged with the same for u and
    v exchanged, as in Zhang, Inverse-Consistent Deep Networks for Unsupervised
    Deformable Image Registration, arXiv 1809.03443. At least 0, in voxels**2; 0 for
    inverses.

    `call(y_true, y_pred)` ignores `y_true`, takes `(B, *spatial, 2 D)`, the channels of
    the displacement u followed by those of the inverse v, in voxels, and returns
    `(B,)`.

    Args:
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `y_pred` does not have 2 D channels.

    Example:
        >>> there = keras.ops.ones((1, 8, 8, 2))
        >>> both = keras.ops.concatenate([there, -there], axis=-1)
        >>> float(InverseConsistency()(both, both))
        0.0
    """

    def __init__(self, name="inverse_consistency", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        ndim = len(y_pred.shape) - 2
        if y_pred.shape[-1] != 2 * ndim:
            raise ValueError(
                f"`y_pred` must have {2 * ndim} channels: the displacement, then the "
                f"inverse. Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        forward, backward = kops.split(y_pred, 2, axis=-1)
        there = ops.compose(backward, forward)
        back = ops.compose(forward, backward)
        squared = 0.5 * (kops.square(there) + kops.square(back))
        return ndim * voxel_mean(squared)
