"""Affine warping of an image."""

import keras

from kregzoo import ops
from kregzoo.layers.spatial_transformer import SpatialTransformer


@keras.saving.register_keras_serializable(package="kregzoo")
class AffineTransformer(SpatialTransformer):
    """Warp an image by an affine transform about its center.

    Call it on `[image, affine]`: the image `(B, *spatial, C)` and the matrices
    `[A | t]`, `(B, D, D + 1)`, in voxels. The result has the shape of the image:
    `warped(x) = image(A (x - c) + t + c)` with `c = (n - 1) / 2`.

    Args:
        interpolation: `"linear"`, or `"nearest"` for labels.
        fill: value outside the image: `"border"` repeats its edge, `"zeros"` is 0.
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Raises:
        ValueError: If `interpolation` or `fill` is unknown.

    Example:
        >>> import numpy as np
        >>> image = np.arange(4.0).reshape(1, 2, 2, 1)
        >>> half_turn = np.array([[[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]])
        >>> turned = AffineTransformer()([image, half_turn])
        >>> keras.ops.convert_to_numpy(turned)[0, :, :, 0].tolist()
        [[3.0, 2.0], [1.0, 0.0]]
    """

    def call(self, inputs):
        image, affine = inputs
        coordinates = ops.affine_grid(affine, image.shape[1:-1])
        return ops.sample(image, coordinates, self.interpolation, self.fill)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])
