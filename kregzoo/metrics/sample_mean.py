"""What the metrics share."""

import keras


class SampleMean(keras.metrics.Mean):
    """Averages over samples what `measure(y_true, y_pred)` returns, one value each."""

    def measure(self, y_true, y_pred):
        """Values `(B,)` of a batch."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(self.measure(y_true, y_pred), sample_weight)
