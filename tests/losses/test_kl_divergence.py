import numpy as np
import pytest

from kregzoo.losses import KLDivergence
from tests.helpers import assert_close, random_image, run_loss_test


def _path(n):
    """Laplacian matrix of a row of `n` voxels."""
    edges = np.diff(np.eye(n), axis=0)
    return edges.T @ edges


@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3)])
def test_is_the_divergence_by_dense_matrices(shape):
    ndim, prior_lambda = len(shape), 3.0
    parameters = 2.0 * random_image((2, *shape, 2 * ndim), sigma=0.5) - 1.0
    values = run_loss_test(
        KLDivergence, {"prior_lambda": prior_lambda}, parameters, parameters
    )

    laplacians = []
    for axis in range(ndim):
        factors = [_path(n) if a == axis else np.eye(n) for a, n in enumerate(shape)]
        matrix = np.eye(1)
        for factor in factors:
            matrix = np.kron(matrix, factor)
        laplacians.append(matrix)
    degree = np.diag(sum(laplacians))

    for value, sample in zip(values, parameters, strict=True):
        rows = sample.reshape(-1, 2 * ndim).astype("float64")
        mean, log_sigma = rows[:, :ndim], rows[:, ndim:]
        trace = prior_lambda * degree[:, None] * np.exp(log_sigma) - log_sigma
        smoothness = 0.0
        for laplacian, n in zip(laplacians, shape, strict=True):
            edges = mean.size * (n - 1) / n
            smoothness += np.trace(mean.T @ laplacian @ mean) / edges
        precision = 0.5 * prior_lambda * smoothness / ndim
        assert_close(value, 0.5 * ndim * (trace.mean() + precision))


def test_is_least_at_the_priors_own_variance():
    mean = np.zeros((1, 6, 6, 2), "float32")
    degree = np.full((6, 6), 4.0)
    degree[[0, -1]] -= 1.0
    degree[:, [0, -1]] -= 1.0
    best = -np.log(10.0 * degree)[None, ..., None] * np.ones(2)

    def value(log_sigma):
        channels = np.concatenate([mean, log_sigma], axis=-1).astype("float32")
        return float(KLDivergence(prior_lambda=10.0).call(None, channels)[0])

    assert value(best) < min(value(best + 0.1), value(best - 0.1))


@pytest.mark.parametrize("prior_lambda", [0.0, -1.0])
def test_rejects_precisions_that_are_not_positive(prior_lambda):
    with pytest.raises(ValueError, match="`prior_lambda` must be positive"):
        KLDivergence(prior_lambda=prior_lambda)


def test_rejects_a_mean_without_variance():
    with pytest.raises(ValueError, match="`y_pred` must have 4 channels"):
        KLDivergence().call(None, np.zeros((1, 4, 4, 2), "float32"))
