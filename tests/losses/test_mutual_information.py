import numpy as np
import pytest

from kregzoo.losses import MI, NMI
from tests.helpers import assert_close, random_image, run_loss_test, run_mask_test

BINS, RANGE = 32, (-5.0, 5.0)
# The range spans the bins but one on each side.
WIDTH = (RANGE[1] - RANGE[0]) / (BINS - 3)
# The cubic B-spline window blurs each image: it adds its variance, a third of a bin.
VARIANCE = 1 + WIDTH**2 / 3


def _gaussian_pair(correlation):
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 1, 40, 40, 40, 1))
    other = correlation * one + np.sqrt(1 - correlation**2) * other
    return one.astype("float32"), other.astype("float32")


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.9])
def test_is_the_closed_form_of_a_bivariate_gaussian(correlation):
    one, other = _gaussian_pair(correlation)
    blurred = correlation / VARIANCE
    information = -0.5 * np.log(1 - blurred**2)
    assert_close(MI(BINS, RANGE)(one, other), -information, atol=0.01)

    # Differential entropy, less the logarithm of the bin's width.
    entropy = 0.5 * np.log(2 * np.pi * np.e * VARIANCE) - np.log(WIDTH)
    expected = -2 * entropy / (2 * entropy - information)
    assert_close(NMI(BINS, RANGE)(one, other), expected, atol=0.01)


@pytest.mark.parametrize("cls", [MI, NMI])
@pytest.mark.parametrize("shape", [(16, 14), (9, 8, 10)])
def test_loss(cls, shape):
    fixed, warped = random_image((2, 2, *shape, 1))
    warped = 0.1 + 0.8 * warped  # off the range's ends, where intensities are clipped
    values = run_loss_test(cls, {"bins": 12}, fixed, warped, step=0.02)
    low, high = (-np.log(12), 0.0) if cls is MI else (-2.0, -1.0)
    assert ((low <= values) & (values <= high)).all()
    assert_close(run_mask_test(cls(bins=12), fixed, warped), values)


@pytest.mark.parametrize("cls", [MI, NMI])
def test_finds_the_alignment_of_inverted_contrasts(cls):
    image = random_image((1, 24, 24, 1), sigma=2.0)
    values = [float(cls()(image, 1.0 - np.roll(image, k, axis=1))) for k in range(4)]
    assert values == sorted(values)


@pytest.mark.parametrize("cls", [MI, NMI])
@pytest.mark.parametrize("argument", [{"bins": 3}, {"intensity_range": (1.0, 0.0)}])
def test_rejects_impossible_arguments(cls, argument):
    with pytest.raises(ValueError, match=f"`{next(iter(argument))}` must be"):
        cls(**argument)
