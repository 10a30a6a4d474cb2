"""Normalized gradient fields."""

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.base import ImageLoss
from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class NGF(ImageLoss):
    """Compute one minus the mean squared cosine between the gradients of the images.

    Per voxel `1 - <g, h>**2 / ((|g|**2 + epsilon**2) (|h|**2 + epsilon**2))` for the
    gradients g and h. Haber and Modersitzki, Intensity Gradient Based Registration and
    Fusion of Multi-modal Images, MICCAI 2006. In [0, 1]: small where edges are
    parallel, for any contrast and sign; constant regions count as 1.

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped image
    `(B, *spatial, C)` and optional weights `(B, *spatial, 1)`; it returns `(B,)`.

    Args:
        epsilon: float > 0. Gradients below this, in intensity per voxel, are noise.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `epsilon` is not positive.

    Example:
        >>> image = keras.random.uniform((1, 16, 16, 1), seed=0)
        >>> inverted, noise = 1.0 - image, keras.random.uniform((1, 16, 16, 1), seed=1)
        >>> bool(NGF()(image, inverted) < NGF()(image, noise))
        True
    """

    def __init__(self, epsilon=0.01, name="ngf", **kwargs):
        super().__init__(name=name, **kwargs)
        if epsilon <= 0:
            raise ValueError(f"`epsilon` must be positive. Received: epsilon={epsilon}")
        self.epsilon = epsilon

    def call(self, y_true, y_pred, mask=None):
        fixed = ops.spatial_gradient(y_true)
        warped = ops.spatial_gradient(y_pred)
        cosine = kops.square(kops.sum(fixed * warped, axis=-1))
        cosine = cosine / (self._edge(fixed) * self._edge(warped))
        return 1.0 - voxel_mean(cosine, mask)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}

    def _edge(self, gradient):
        return kops.sum(kops.square(gradient), axis=-1) + self.epsilon**2
