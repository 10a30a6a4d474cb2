"""B-spline warping of an image."""

import keras

from kregzoo import ops
from kregzoo.layers.spatial_transformer import SpatialTransformer


@keras.saving.register_keras_serializable(package="kregzoo")
class BSplineWarp(SpatialTransformer):
    """Warp an image by a cubic B-spline free-form deformation.

    Call it on `[image, control_points]`: the image `(B, *spatial, C)` and the control
    points `(B, *control_shape, D)`, displacements in voxels of the image, with one
    point of margin on each side. The result has the shape of the image. To get the
    dense displacement, use `BSplineField`. Rueckert et al., Nonrigid Registration
    Using Free-Form Deformations, IEEE TMI 1999, equation 1.

    Args:
        interpolation: `"linear"`, or `"nearest"` for labels.
        fill: value outside the image: `"border"` repeats its edge, `"zeros"` is 0.
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Raises:
        ValueError: If `interpolation` or `fill` is unknown.

    Example:
        >>> import numpy as np
        >>> image = np.arange(3.0).reshape(1, 3, 1, 1)
        >>> shift = np.ones((1, 4, 4, 2)) * [1.0, 0.0]
        >>> warped = BSplineWarp()([image, shift])
        >>> [round(float(v), 5) for v in warped[0, :, 0, 0]]
        [1.0, 2.0, 2.0]
    """

    def call(self, inputs):
        image, control_points = inputs
        displacement = ops.bspline(control_points, image.shape[1:-1])
        return super().call([image, displacement])

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])
