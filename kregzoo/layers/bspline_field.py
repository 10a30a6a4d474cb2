"""Dense displacement from B-spline control points."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class BSplineField(FieldLayer):
    """Expand B-spline control points into a dense displacement.

    The control points `(B, *control_shape, D)` are displacements in voxels of the dense
    grid, with one point of margin on each side of the field of view. The result is `(B,
    *(spacing * (control_shape - 3)), D)`, the input of `SpatialTransformer`. Rueckert
    et al., Nonrigid Registration Using Free-Form Deformations, IEEE TMI 1999,
    equation 1.

    Args:
        spacing: int > 0. Distance between control points in voxels.
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Raises:
        ValueError: If `spacing` is not positive.

    Example:
        >>> control_points = keras.ops.ones((1, 6, 6, 2))
        >>> displacement = BSplineField(8)(control_points)
        >>> tuple(displacement.shape), round(float(displacement[0, 3, 5, 0]), 5)
        ((1, 24, 24, 2), 1.0)
    """

    def __init__(self, spacing, **kwargs):
        super().__init__(**kwargs)
        if spacing < 1:
            raise ValueError(f"`spacing` must be positive. Received: spacing={spacing}")
        self.spacing = spacing

    def call(self, control_points):
        return ops.bspline(control_points, self._dense(control_points.shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._dense(input_shape), input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "spacing": self.spacing}

    def _dense(self, shape):
        return tuple(n and self.spacing * (n - 3) for n in shape[1:-1])
