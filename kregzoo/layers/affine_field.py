"""Conversion of an affine matrix to a dense displacement."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class AffineField(FieldLayer):
    """Convert an affine matrix to a displacement on the voxel grid of an image.

    Call it on `[affine, image]`: matrices `(B, D, D + 1)` in voxels about the center,
    and an image `(B, *spatial, C)`, of which only the shape is used. The result is
    `(B, *spatial, D)`, the input of `SpatialTransformer`.

    Args:
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Example:
        >>> shift = keras.ops.convert_to_tensor([[[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]])
        >>> image = keras.ops.ones((1, 4, 4, 1))
        >>> float(AffineField()([shift, image])[0, 3, 1, 0])
        2.0
    """

    def call(self, inputs):
        affine, image = inputs
        return ops.affine_to_displacement(affine, image.shape[1:-1])

    def compute_output_shape(self, input_shape):
        affine, image = input_shape
        return (*image[:-1], affine[1])
