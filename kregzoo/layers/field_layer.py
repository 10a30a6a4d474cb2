"""Base class of layers that compute with coordinates."""

import keras


class FieldLayer(keras.layers.Layer):
    """Base class of layers that compute with coordinates, in float32 by default.

    These layers ignore the global dtype policy unless `dtype` is given: in 16 bits, a
    voxel index above 256 (bfloat16) or 2048 (float16) is no longer exact.
    """

    def __init__(self, *, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
