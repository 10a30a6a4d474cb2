"""Loss of a critic and of the network that it trains."""

import keras
from keras import ops as kops

from kregzoo.losses.base import SampleLoss
from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class Wasserstein(SampleLoss):
    """Compute the mean score of negatives minus the mean score of positives.

    Arjovsky, Chintala, Bottou, Wasserstein GAN, ICML 2017. A critic with gradients of
    norm 1 that minimizes this loss estimates the negative Wasserstein distance of the
    two distributions.

    `call(y_true, y_pred)` takes labels, 1 for positives and 0 for negatives, and
    scores, both `(B, ..., 1)`, and returns `(B,)`.

    Args:
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Example:
        >>> targets = keras.ops.convert_to_tensor([[1.0], [0.0]])
        >>> scores = keras.ops.convert_to_tensor([[3.0], [-1.0]])
        >>> float(Wasserstein()(targets, scores))
        -2.0
    """

    def __init__(self, name="wasserstein", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        return voxel_mean((1.0 - 2.0 * kops.cast(y_true, y_pred.dtype)) * y_pred)
