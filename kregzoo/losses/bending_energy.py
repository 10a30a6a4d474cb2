"""Second-order smoothness of a field."""

import keras
from keras import ops as kops

from kregzoo.losses.base import SampleLoss
from kregzoo.losses.common import forward_difference, voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class BendingEnergy(SampleLoss):
    """Compute the thin-plate bending energy, the mean of squared second derivatives.

    The sum over components and over pairs of axes i, j of `(d2 u / dx_i dx_j)**2`.
    Rueckert et al., Nonrigid Registration Using Free-Form Deformations, IEEE TMI 1999,
    equation 8. The derivatives are differences of neighbors, each averaged over the
    voxels where it exists. At least 0, in voxels**-2; 0 for any affine map.

    `call(y_true, y_pred)` ignores `y_true`, takes a field `(B, *spatial, D)` in voxels,
    with at least 3 voxels per axis, and returns `(B,)`.

    Args:
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Example:
        >>> import numpy as np
        >>> field = np.zeros((1, 8, 8, 2), "float32")
        >>> field[..., 0] = 0.25 * np.arange(8)[:, None] ** 2
        >>> float(BendingEnergy()(field, field))
        0.25
    """

    def __init__(self, name="bending_energy", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        axes = range(1, len(y_pred.shape) - 1)
        energy = 0.0
        for i in axes:
            slope = forward_difference(y_pred, i)
            for j in axes[i - 1 :]:
                # A mixed derivative occurs twice in the sum, as (i, j) and (j, i).
                weight = 1.0 if i == j else 2.0
                curvature = forward_difference(slope, j)
                energy = energy + weight * voxel_mean(kops.square(curvature))
        return energy * y_pred.shape[-1]
