"""Cost volume between two feature maps."""

import keras

from kregzoo import ops


@keras.saving.register_keras_serializable(package="kregzoo")
class CorrelationCost(keras.layers.Layer):
    """Correlate each fixed feature vector with the moving ones around it.

    Call it on `[fixed, moving]`, features `(B, *spatial, C)`. Channel k of the result
    `(B, *spatial, n**D)` is the mean over channels of `fixed(x) * moving(x + d_k)`. The
    offsets `d_k` form a cube of `n = 2 * max_displacement / stride + 1` offsets per
    axis, the last axis fastest. Features outside the grid are 0. Dosovitskiy et al.,
    FlowNet, ICCV 2015.

    Args:
        max_displacement: int >= 0. Largest offset along each axis in voxels.
        stride: int >= 1 that divides `max_displacement`. Step between offsets.
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `max_displacement` is negative or not a multiple of `stride`, or
            `stride` is not positive.

    Example:
        >>> features = keras.ops.ones((1, 8, 8, 4))
        >>> tuple(CorrelationCost(max_displacement=1)([features, features]).shape)
        (1, 8, 8, 9)
    """

    def __init__(self, max_displacement, stride=1, **kwargs):
        super().__init__(**kwargs)
        if max_displacement < 0 or stride < 1 or max_displacement % stride:
            raise ValueError(
                "`max_displacement` must be a multiple of `stride`, at least 0, and "
                "`stride` at least 1. "
                f"Received: max_displacement={max_displacement}, stride={stride}"
            )
        self.max_displacement = max_displacement
        self.stride = stride

    def call(self, inputs):
        fixed, moving = inputs
        return ops.correlation(fixed, moving, self.max_displacement, self.stride)

    def compute_output_shape(self, input_shape):
        shape, _ = input_shape
        offsets = 2 * (self.max_displacement // self.stride) + 1
        return (*shape[:-1], offsets ** (len(shape) - 2))

    def get_config(self):
        return {
            **super().get_config(),
            "max_displacement": self.max_displacement,
            "stride": self.stride,
        }
