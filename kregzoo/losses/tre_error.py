"""Error of a predicted registration error."""

import keras
import numpy as np
from keras import ops as kops

from kregzoo.losses.base import SampleLoss

POINTS = 64


@keras.saving.register_keras_serializable(package="kregzoo")
class TREError(SampleLoss):
    """Compute the squared error of a predicted target registration error.

    The true error is the mean distance by which the affine that is still missing moves
    the points of a sphere about the center. Haskins et al., IJCARS 14, 2019, use points
    on the surface of the prostate. In voxels**2, at least 0.

    `call(y_true, y_pred)` takes matrices `[A | t]`, `(B, D, D + 1)`, in voxels about
    the center, and predictions `(B, 1)` in voxels, and returns `(B,)`.

    Args:
        radius: float > 0. Radius of the sphere in voxels.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `radius` is not positive.

    Example:
        >>> shift = keras.ops.convert_to_tensor([[[1.0, 0.0, 3.0], [0.0, 1.0, 4.0]]])
        >>> float(TREError(radius=10.0)(shift, keras.ops.ones((1, 1))))
        16.0
    """

    def __init__(self, radius=8.0, name="tre_error", **kwargs):
        super().__init__(name=name, **kwargs)
        if radius <= 0:
            raise ValueError(f"`radius` must be positive. Received: radius={radius}")
        self.radius = radius

    def call(self, y_true, y_pred):
        affine = kops.cast(y_true, "float32")
        ndim = affine.shape[1]
        points = kops.convert_to_tensor(self.radius * _directions(ndim))
        linear = affine[..., :-1] - kops.eye(ndim, dtype="float32")
        moved = kops.einsum("bij,pj->bpi", linear, points) + affine[:, None, :, -1]
        distances = kops.sqrt(kops.sum(kops.square(moved), axis=-1) + 1e-12)
        found = kops.cast(y_pred, "float32")[:, 0]
        return kops.square(kops.mean(distances, axis=1) - found)

    def get_config(self):
        return {**super().get_config(), "radius": self.radius}


def _directions(ndim):
    """Return unit vectors `(P, D)` spread evenly over the circle or the sphere."""
    number = np.arange(POINTS) + 0.5
    if ndim == 2:
        angle = 2 * np.pi * number / POINTS
        found = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    else:
        # A Fibonacci lattice: steps of the golden angle, on bands of equal area.
        height, angle = 1 - 2 * number / POINTS, np.pi * (1 + 5**0.5) * number
        ring = np.sqrt(1 - height**2)
        found = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=-1)
    return found.astype("float32")
