"""Dense warping of an image."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer
from kregzoo.ops.sampling import check_modes


@keras.saving.register_keras_serializable(package="kregzoo")
class SpatialTransformer(FieldLayer):
    """Warp an image by a displacement: `warped(x) = image(x + displacement(x))`.

    Call it on `[image, displacement]`: the image `(B, *image_shape, C)` and the
    displacement `(B, *shape, D)` in voxels, `ij` order, D = 2 or 3. The result is
    `(B, *shape, C)`. Jaderberg et al., Spatial Transformer Networks, NeurIPS 2015.

    Args:
        interpolation: `"linear"`, or `"nearest"` for labels.
        fill: value outside the image: `"border"` repeats its edge, `"zeros"` is 0.
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Raises:
        ValueError: If `interpolation` or `fill` is unknown.

    Example:
        >>> import numpy as np
        >>> image = np.arange(3.0).reshape(1, 3, 1, 1)
        >>> shift = np.ones((1, 3, 1, 2)) * [1.0, 0.0]
        >>> warped = SpatialTransformer()([image, shift])
        >>> [float(v) for v in warped[0, :, 0, 0]]
        [1.0, 2.0, 2.0]
    """

    def __init__(self, interpolation="linear", fill="border", **kwargs):
        super().__init__(**kwargs)
        check_modes(interpolation, fill)
        self.interpolation = interpolation
        self.fill = fill

    def call(self, inputs):
        image, displacement = inputs
        return ops.warp(image, displacement, self.interpolation, self.fill)

    def compute_output_shape(self, input_shape):
        image_shape, displacement_shape = input_shape
        return (*displacement_shape[:-1], image_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "fill": self.fill,
        }
