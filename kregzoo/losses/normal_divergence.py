"""Divergence of a latent variable from the standard normal."""

import keras
from keras import ops as kops

from kregzoo.losses.base import SampleLoss


@keras.saving.register_keras_serializable(package="kregzoo")
class NormalDivergence(SampleLoss):
    """Compute the divergence of a diagonal Gaussian from the standard normal.

    The Kullback-Leibler divergence is the sum of
    `(mean**2 + variance - log(variance) - 1) / 2` over the latent variables. Kingma and
    Welling, Auto-Encoding Variational Bayes, ICLR 2014, appendix B. At least 0, in
    nats.

    `call(y_true, y_pred)` ignores `y_true`, takes `(B, 2 d)`, the d means followed by
    the d log-variances, and returns `(B,)`.

    Args:
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Example:
        >>> statistics = keras.ops.convert_to_tensor([[3.0, 4.0, 0.0, 0.0]])
        >>> float(NormalDivergence()(statistics, statistics))
        12.5
    """

    def __init__(self, name="normal_divergence", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        mean, log_variance = kops.split(kops.cast(y_pred, "float32"), 2, axis=-1)
        excess = kops.exp(log_variance) - log_variance - 1.0
        return 0.5 * kops.sum(kops.square(mean) + excess, axis=-1)
