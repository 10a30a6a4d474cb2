"""Rigid matrices from their parameters."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class RigidMatrix(FieldLayer):
    """Builds rigid matrices from translations and rotations.

    Parameters `(B, 3)` in 2-D or `(B, 6)` in 3-D, as `ops.rigid_matrix` takes them,
    translations in voxels and rotations in radians, become `(B, D, D + 1)`, in voxels
    about the grid's centre. Zeros are the identity.

    Args:
        **kwargs: of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Example:
        >>> shift = keras.ops.convert_to_tensor([[2.0, 0.0, 0.0]])
        >>> keras.ops.convert_to_numpy(RigidMatrix()(shift))[0, :, 2].tolist()
        [2.0, 0.0]
    """

    def call(self, parameters):
        return ops.rigid_matrix(parameters)

    def compute_output_shape(self, input_shape):
        ndim = {3: 2, 6: 3}[input_shape[-1]]
        return (input_shape[0], ndim, ndim + 1)
