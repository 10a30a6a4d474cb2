"""Resampling of a displacement on a finer or coarser grid."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class RescaleTransform(FieldLayer):
    """Resize a displacement or velocity, and rescale its values.

    `(B, *spatial, D)` becomes `(B, *round(factor * spatial), D)` over the same field of
    view. The values are multiplied by `factor`, because they are in voxels of the new
    grid.

    Args:
        factor: float > 0. New size divided by old size, the same for each axis.
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Raises:
        ValueError: If `factor` is not positive.

    Example:
        >>> field = keras.ops.ones((1, 4, 4, 2))
        >>> finer = RescaleTransform(2)(field)
        >>> tuple(finer.shape), float(finer[0, 0, 0, 0])
        ((1, 8, 8, 2), 2.0)
    """

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        if factor <= 0:
            raise ValueError(f"`factor` must be positive. Received: factor={factor}")
        self.factor = factor

    def call(self, field):
        return ops.resize_field(field, self._resized(field.shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._resized(input_shape), input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}

    def _resized(self, shape):
        return tuple(n and max(1, round(n * self.factor)) for n in shape[1:-1])
