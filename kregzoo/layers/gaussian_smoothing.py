"""Gaussian smoothing of a field or an image."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class GaussianSmoothing(FieldLayer):
    """Smooth each channel of `(B, *spatial, C)` with a Gaussian, padding with zeros.

    Args:
        sigma: float >= 0. Standard deviation in voxels. The kernel is truncated at
            three standard deviations.
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Raises:
        ValueError: If `sigma` is negative.

    Example:
        >>> image = keras.ops.ones((1, 15, 15, 2))
        >>> round(float(GaussianSmoothing(2.0)(image)[0, 7, 7, 0]), 5)
        1.0
    """

    def __init__(self, sigma, **kwargs):
        super().__init__(**kwargs)
        if sigma < 0:
            raise ValueError(f"`sigma` must not be negative. Received: sigma={sigma}")
        self.sigma = sigma

    def call(self, image):
        return ops.smooth(image, self.sigma)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma}
