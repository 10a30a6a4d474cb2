"""Scaling of a gradient in backpropagation."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kregzoo")
class GradientScale(keras.layers.Layer):
    """Return the input unchanged, and multiply its gradient by `scale`.

    `scale` is a non-trainable weight: assign to `layer.scale` during training to change
    how much the layers before it learn from the layers after it, such as a
    discriminator. A negative value reverses the gradient (Ganin et al., JMLR 2016).

    Args:
        scale: float. Initial value of the scale.
        **kwargs: arguments of `keras.layers.Layer`.

    Example:
        >>> layer = GradientScale(0.0)
        >>> float(layer(keras.ops.ones((1,)))[0])
        1.0
    """

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial_scale = scale

    def build(self, input_shape):
        self.scale = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.initial_scale),
            trainable=False,
            name="scale",
        )

    def call(self, x):
        scaled = ops.cast(self.scale, x.dtype) * x
        return scaled + ops.stop_gradient(x - scaled)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.initial_scale}
