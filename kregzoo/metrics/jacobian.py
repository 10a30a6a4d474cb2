"""Regularity of displacements, measured by the Jacobian determinant."""

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.metrics.sample_mean import SampleMean


def folded_percent(displacement, mask=None):
    """Compute the percentage of voxels where the Jacobian determinant is at most 0.

    Args:
        displacement: array `(*spatial, D)` in voxels.
        mask: boolean array `(*spatial,)`. Voxels to count. Defaults to all.

    Returns:
        Float in [0, 100]; NaN if the mask is empty.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> mirror = np.zeros((8, 8, 2))
        >>> mirror[..., 0] = -2.0 * np.arange(8)[:, None]
        >>> folded_percent(mirror)
        100.0
    """
    field = np.asarray(displacement, "float32")[None]
    if mask is None:
        return float(_folded_percent(field)[0])
    if np.shape(mask) != field.shape[1:-1]:
        raise ValueError(
            "`mask` must have the spatial shape of `displacement`. Received: "
            f"mask.shape={np.shape(mask)}, displacement.shape={field.shape[1:]}"
        )
    inside = kops.convert_to_numpy(ops.jacobian_determinant(field))[0][mask]
    return 100.0 * float((inside <= 0.0).mean()) if inside.size else float("nan")


def sd_log_j(displacement):
    """Compute the standard deviation of the logarithm of the Jacobian determinant.

    It is 0 for an affine map. Determinants below 1e-9 count as 1e-9, so that folds
    increase it.

    Args:
        displacement: array `(*spatial, D)` in voxels.

    Returns:
        Float >= 0.

    Example:
        >>> sd_log_j(np.zeros((8, 8, 2)))
        0.0
    """
    return float(_sd_log_j(np.asarray(displacement, "float32")[None])[0])


@keras.saving.register_keras_serializable(package="kregzoo")
class FoldedPercent(SampleMean):
    """Average the percentage of folded voxels over samples, see `folded_percent`.

    `update_state(y_true, y_pred)` ignores `y_true` and takes a displacement
    `(B, *spatial, D)` in voxels.

    Args:
        name: str. The metric's name.
        **kwargs: arguments of `keras.metrics.Mean`.

    Example:
        >>> zero = keras.ops.zeros((1, 8, 8, 2))
        >>> float(FoldedPercent()(zero, zero))
        0.0
    """

    def __init__(self, name="folded_percent", **kwargs):
        super().__init__(name=name, **kwargs)

    def measure(self, y_true, y_pred):
        return _folded_percent(y_pred)


@keras.saving.register_keras_serializable(package="kregzoo")
class SDLogJ(SampleMean):
    """Average the deviation of the log-determinant over samples, see `sd_log_j`.

    `update_state(y_true, y_pred)` ignores `y_true` and takes a displacement
    `(B, *spatial, D)` in voxels.

    Args:
        name: str. The metric's name.
        **kwargs: arguments of `keras.metrics.Mean`.

    Example:
        >>> zero = keras.ops.zeros((1, 8, 8, 2))
        >>> float(SDLogJ()(zero, zero))
        0.0
    """

    def __init__(self, name="sd_log_j", **kwargs):
        super().__init__(name=name, **kwargs)

    def measure(self, y_true, y_pred):
        return _sd_log_j(y_pred)


def _folded_percent(displacement):
    determinant = ops.jacobian_determinant(displacement)
    axes = tuple(range(1, len(determinant.shape)))
    return 100.0 * kops.mean(kops.cast(determinant <= 0.0, "float32"), axis=axes)


def _sd_log_j(displacement):
    determinant = ops.jacobian_determinant(displacement)
    axes = tuple(range(1, len(determinant.shape)))
    return kops.std(kops.log(kops.maximum(determinant, 1e-9)), axis=axes)
