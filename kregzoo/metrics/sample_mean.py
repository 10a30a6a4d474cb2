"""Base class of metrics that are averaged over samples."""

import keras

from kregzoo import ops


class SampleMean(keras.metrics.Mean):
    """Average the values of `measure(y_true, y_pred)`, one per sample.

    `update_state(y_true, y_pred, sample_weight)` weights the samples.
    """

    def measure(self, y_true, y_pred):
        """Compute the values `(B,)` of a batch."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        # Keras would broadcast any other weights against the samples.
        ops.voxel_weights(sample_weight, None)
        super().update_state(self.measure(y_true, y_pred), sample_weight)
