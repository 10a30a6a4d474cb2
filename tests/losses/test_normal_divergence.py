import numpy as np
from scipy import integrate, stats

from kregzoo.losses import NormalDivergence
from tests.helpers import assert_close, run_loss_test


def test_is_the_integral_of_its_definition():
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(0, 0.5, (2, 2, 3)).astype("float32")
    statistics = np.concatenate([mean, log_variance], axis=-1)
    values = run_loss_test(NormalDivergence, {}, statistics, statistics)

    def divergence(mean, log_variance):
        q, p = stats.norm(mean, np.exp(log_variance / 2)), stats.norm()
        excess = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -9, 9)
        return excess[0]

    rows = zip(mean, log_variance, strict=True)
    expected = [sum(map(divergence, *row)) for row in rows]
    assert_close(values, expected)


def test_is_zero_for_the_standard_normal():
    zeros = np.zeros((1, 8), "float32")
    assert float(NormalDivergence()(zeros, zeros)) == 0.0
