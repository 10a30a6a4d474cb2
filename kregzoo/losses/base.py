"""Base classes of the losses, which give one value a sample."""

import keras
from keras import ops as kops

from kregzoo import ops


class SampleLoss(keras.losses.Loss):
    """A loss whose `call(y_true, y_pred)` returns one value a sample, `(B,)`.

    As Keras does, `loss(y_true, y_pred, sample_weight)` weights the samples.
    """

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Keras would broadcast any other weights against the samples.
        ops.voxel_weights(sample_weight, None)
        return super().__call__(y_true, y_pred, sample_weight)


class ImageLoss(keras.losses.Loss):
    """A loss of images, whose `call(y_true, y_pred, mask=None)` takes a mask.

    `loss(y_true, y_pred, sample_weight)` weights the samples, or their voxels. Weights
    `(B, *spatial)` of voxels are the sample's mask, and their mean is its weight, so
    that `MSE` gives what `keras.losses.MeanSquaredError` does.
    """

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_pred = kops.convert_to_tensor(y_pred)
        mask = ops.voxel_weights(sample_weight, y_pred.shape)
        if mask is None:
            return super().__call__(y_true, y_pred, sample_weight)
        axes = tuple(range(1, len(mask.shape)))
        return _Masked(self, mask)(y_true, y_pred, kops.mean(mask, axis=axes))


class _Masked(keras.losses.Loss):
    """A loss under a mask, which leaves the reduction to Keras."""

    def __init__(self, loss, mask):
        super().__init__(loss.name, loss.reduction, loss.dtype)
        self._loss = loss
        self._mask = mask

    def call(self, y_true, y_pred):
        return self._loss.call(y_true, y_pred, self._mask)
