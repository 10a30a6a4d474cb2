"""Reparameterized sampling from a diagonal Gaussian."""

import keras
from keras import ops

from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class GaussianSample(FieldLayer):
    """Sample a diagonal Gaussian in training, and return its mean in inference.

    Call it on `(B, *spatial, 2 D)`: D means, then D log-variances. A sample is
    `mean + exp(log_variance / 2) * noise`. Kingma and Welling, Auto-Encoding
    Variational Bayes, ICLR 2014.

    Args:
        seed: int or None. Seed of the noise.
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Example:
        >>> statistics = keras.ops.ones((1, 4, 4, 4))
        >>> tuple(GaussianSample()(statistics).shape)
        (1, 4, 4, 2)
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, statistics, training=False):
        mean, log_variance = ops.split(statistics, 2, axis=-1)
        if not training:
            return mean
        noise = keras.random.normal(
            ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator
        )
        return mean + ops.exp(0.5 * log_variance) * noise

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
