"""Affine matrices from parameters."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class AffineMatrix(FieldLayer):
    """Build affine matrices from translations, rotations, log-scales and shears.

    Call it on parameters `(B, 6)` in 2-D or `(B, 12)` in 3-D, in the order of
    `ops.affine_matrix`. The result is `(B, D, D + 1)`, in voxels about the center of
    the grid. Zeros give the identity.

    Args:
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Example:
        >>> shift = keras.ops.convert_to_tensor([[2.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
        >>> keras.ops.convert_to_numpy(AffineMatrix()(shift))[0].tolist()
        [[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]
    """

    def call(self, parameters):
        return ops.affine_matrix(parameters)

    def compute_output_shape(self, input_shape):
        ndim = {6: 2, 12: 3}[input_shape[-1]]
        return (input_shape[0], ndim, ndim + 1)
