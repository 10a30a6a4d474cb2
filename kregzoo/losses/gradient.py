"""First-order smoothness of a field."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.common import forward_differences, voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class Gradient(keras.losses.Loss):
    """Compute the mean squared (or absolute) difference of neighboring vectors.

    The forward differences along each axis are averaged over voxels and components,
    then over the axes, as in VoxelMorph (Balakrishnan et al., CVPR 2018). At least 0,
    in voxels**2 (`"l2"`) or voxels (`"l1"`); 0 for a translation.

    `call(y_true, y_pred)` ignores `y_true`, takes a field `(B, *spatial, D)` in voxels
    and returns `(B,)`.

    Args:
        penalty: `"l2"` for squares (diffusion), `"l1"` for magnitudes.
        fold_factor: float >= 1. Weight of differences of -1 voxel or less, where a
            field may fold (Fan et al., Medical Image Analysis 2019).
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `penalty` is unknown, or `fold_factor` is below 1.

    Example:
        >>> import numpy as np
        >>> field = np.zeros((1, 8, 8, 2), "float32")
        >>> field[..., 0] = 0.5 * np.arange(8)[:, None]
        >>> float(Gradient()(field, field))
        0.0625
    """

    def __init__(self, penalty="l2", fold_factor=1.0, name="gradient", **kwargs):
        super().__init__(name=name, **kwargs)
        if penalty not in ("l1", "l2"):
            raise ValueError(
                f'`penalty` must be "l1" or "l2". Received: penalty={penalty!r}'
            )
        if fold_factor < 1:
            raise ValueError(
                f"`fold_factor` must be at least 1. Received: fold_factor={fold_factor}"
            )
        self.penalty = penalty
        self.fold_factor = fold_factor

    def call(self, y_true, y_pred):
        return _roughness(y_pred, self.penalty, self.fold_factor)

    def get_config(self):
        return {
            **super().get_config(),
            "penalty": self.penalty,
            "fold_factor": self.fold_factor,
        }


@ops.fused
def _roughness(field, penalty, fold_factor):
    size = kops.square if penalty == "l2" else kops.abs
    differences = forward_differences(field)
    if fold_factor > 1:
        differences = [kops.where(d <= -1, fold_factor * d, d) for d in differences]
    means = [voxel_mean(size(d)) for d in differences]
    return sum(means) / len(means)
