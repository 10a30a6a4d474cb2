"""Distance between two affine maps."""

import keras
from keras import ops as kops

from kregzoo.losses.base import SampleLoss


@keras.saving.register_keras_serializable(package="kregzoo")
class AffineDistance(SampleLoss):
    """Compute the mean squared distance between the corners of a cube under two maps.

    For a cube about the origin this is `radius**2 * |A - A'|**2 + |t - t'|**2`, a mean
    squared error of the parameters, weighted by their effect on positions. In
    voxels**2, at least 0.

    `call(y_true, y_pred)` takes matrices `[A | t]`, `(B, D, D + 1)`, in voxels about
    the center, and returns `(B,)`.

    Args:
        radius: float > 0. Half the cube's edge in voxels.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `radius` is not positive.

    Example:
        >>> identity = keras.ops.eye(2, 3)[None]
        >>> float(AffineDistance(radius=10.0)(identity, 1.5 * identity))
        50.0
    """

    def __init__(self, radius=32.0, name="affine_distance", **kwargs):
        super().__init__(name=name, **kwargs)
        if radius <= 0:
            raise ValueError(f"`radius` must be positive. Received: radius={radius}")
        self.radius = radius

    def call(self, y_true, y_pred):
        squared = kops.square(kops.cast(y_pred, "float32") - y_true)
        linear = kops.sum(squared[..., :-1], axis=(1, 2))
        return self.radius**2 * linear + kops.sum(squared[..., -1], axis=1)

    def get_config(self):
        return {**super().get_config(), "radius": self.radius}
