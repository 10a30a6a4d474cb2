"""Free-form deformation from a lattice of control points."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class BSplineField(FieldLayer):
    """Expands B-spline control points into a dense displacement.

    The control points `(B, *control_shape, D)` are displacements in voxels of the dense
    grid, with one point of margin on each side of the field of view; the result is
    `(B, *shape, D)`, for `SpatialTransformer`. Rueckert et al., Nonrigid Registration
    Using Free-Form Deformations, IEEE TMI 1999, equation 1.

    Args:
        shape: tuple of D ints. The spatial shape of the displacement.
        **kwargs: of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Raises:
        ValueError: when `shape` is not 2 or 3 positive ints.

    Example:
        >>> control_points = keras.ops.ones((1, 6, 6, 2))
        >>> displacement = BSplineField((24, 24))(control_points)
        >>> tuple(displacement.shape), round(float(displacement[0, 3, 5, 0]), 5)
        ((1, 24, 24, 2), 1.0)
    """

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        if len(shape) not in (2, 3) or min(shape) < 1:
            raise ValueError(
                f"`shape` must be 2 or 3 positive ints. Received: shape={shape}"
            )
        self.shape = tuple(shape)

    def call(self, control_points):
        return ops.bspline(control_points, self.shape)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.shape, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "shape": list(self.shape)}
