"""Divergence of the posterior of a velocity from a smoothness prior."""

import keras
from keras import ops as kops

from kregzoo.losses.base import SampleLoss
from kregzoo.losses.common import forward_differences, voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class KLDivergence(SampleLoss):
    """Compute the divergence of a diagonal Gaussian from a smooth Gaussian prior.

    The posterior of the velocity has mean `mu` and variance `exp(log_sigma)` per voxel
    and component. The precision of the prior is `prior_lambda` times the Laplacian of
    the voxel grid. The Kullback-Leibler divergence is, up to a constant and divided by
    the number of voxels,

        D / 2 * (mean(prior_lambda * degree * exp(log_sigma) - log_sigma)
                 + prior_lambda / (2 D) * sum over axes of mean(forward difference**2))

    where `degree` is the number of neighbors of a voxel. Dalca et al., Unsupervised
    Learning for Fast Probabilistic Diffeomorphic Registration, MICCAI 2018, as in the
    public code, in which `log_sigma` is the logarithm of the variance. May be negative.

    `call(y_true, y_pred)` ignores `y_true`, takes `(B, *spatial, 2 D)`, the channels of
    `mu` followed by those of `log_sigma`, and returns `(B,)`.

    Args:
        prior_lambda: float > 0. Precision of the prior, in voxels**-2.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `prior_lambda` is not positive, or `y_pred` does not have 2 D
            channels.

    Example:
        >>> parameters = keras.ops.zeros((1, 8, 8, 4))
        >>> float(KLDivergence(prior_lambda=2.0)(parameters, parameters))
        7.0
    """

    def __init__(self, prior_lambda=10.0, name="kl_divergence", **kwargs):
        super().__init__(name=name, **kwargs)
        if prior_lambda <= 0:
            raise ValueError(
                f"`prior_lambda` must be positive. Received: {prior_lambda}"
            )
        self.prior_lambda = prior_lambda

    def call(self, y_true, y_pred):
        ndim = len(y_pred.shape) - 2
        if y_pred.shape[-1] != 2 * ndim:
            raise ValueError(
                f"`y_pred` must have {2 * ndim} channels: the mean, then the "
                f"log-variance. Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        mean, log_sigma = kops.split(y_pred, 2, axis=-1)
        variance = self.prior_lambda * _degree(log_sigma) * kops.exp(log_sigma)
        smoothness = sum(voxel_mean(kops.square(d)) for d in forward_differences(mean))
        precision = 0.5 * self.prior_lambda * smoothness / ndim
        return 0.5 * ndim * (voxel_mean(variance - log_sigma) + precision)

    def get_config(self):
        return {**super().get_config(), "prior_lambda": self.prior_lambda}


def _degree(field):
    """Count the neighbors of each voxel."""
    degree = 0.0
    for axis, difference in enumerate(forward_differences(field), start=1):
        edges = kops.ones_like(difference)
        for end in ((1, 0), (0, 1)):
            padding = [(0, 0)] * len(field.shape)
            padding[axis] = end
            degree = degree + kops.pad(edges, padding)
    return degree
