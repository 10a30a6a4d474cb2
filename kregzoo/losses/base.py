"""Base classes of the losses, which return one value per sample."""

import keras
from keras import ops as kops

from kregzoo import ops


class SampleLoss(keras.losses.Loss):
    """Base class of losses whose `call(y_true, y_pred)` returns one value per sample.

    `loss(y_true, y_pred, sample_weight)` weights the samples, as in Keras.
    """

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Keras would broadcast any other weights against the samples.
        ops.voxel_weights(sample_weight, None)
        return super().__call__(y_true, y_pred, sample_weight)


class ImageLoss(keras.losses.Loss):
    """Base class of losses of images, whose `call` also takes a mask.

    `loss(y_true, y_pred, sample_weight)` weights samples or voxels. Weights of voxels,
    `(B, *spatial)`, become the mask, and their mean becomes the weight of the sample,
    so that `MSE` equals `keras.losses.MeanSquaredError`.
    """

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_pred = kops.convert_to_tensor(y_pred)
        mask = ops.voxel_weights(sample_weight, y_pred.shape)
        if mask is None:
            return super().__call__(y_true, y_pred, sample_weight)
        axes = tuple(range(1, len(mask.shape)))
        return _Masked(self, mask)(y_true, y_pred, kops.mean(mask, axis=axes))


class _Masked(keras.losses.Loss):
    """Loss with a mask, reduced by Keras."""

    def __init__(self, loss, mask):
        super().__init__(loss.name, loss.reduction, loss.dtype)
        self._loss = loss
        self._mask = mask

    def call(self, y_true, y_pred):
        return self._loss.call(y_true, y_pred, self._mask)
