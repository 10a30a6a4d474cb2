"""Integration of a velocity to a displacement."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class VecInt(FieldLayer):
    """Integrate a stationary velocity over unit time by scaling and squaring.

    Divides the velocity `(B, *spatial, D)` in voxels by `2**steps`, and composes the
    result with itself `steps` times. The displacement has the same shape and unit.
    Arsigny et al., A Log-Euclidean Framework for Statistics on Diffeomorphisms,
    MICCAI 2006.

    Args:
        steps: int >= 0. Number of squarings; 0 returns the velocity.
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Raises:
        ValueError: If `steps` is negative.

    Example:
        >>> velocity = keras.ops.ones((1, 4, 4, 2))
        >>> float(VecInt(steps=5)(velocity)[0, 0, 0, 0])
        1.0
    """

    def __init__(self, steps=7, **kwargs):
        super().__init__(**kwargs)
        if steps < 0:
            raise ValueError(f"`steps` must not be negative. Received: steps={steps}")
        self.steps = steps

    def call(self, velocity):
        return ops.integrate(velocity, self.steps)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}
