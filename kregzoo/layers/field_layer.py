"""What the layers that handle coordinates share."""

import keras


class FieldLayer(keras.layers.Layer):
    """Base of the layers that compute with coordinates, in float32 by default.

    Under a mixed policy the neighbouring convolutions run in 16 bits, where a voxel
    index beyond 256 (bfloat16) or 2048 (float16) is no longer exact. A layer that is
    given no `dtype` of its own therefore ignores the global policy.
    """

    def __init__(self, *, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
