import numpy as np
import pytest

from kregzoo.metrics import FoldedPercent, SDLogJ, folded_percent, sd_log_j
from tests.helpers import random_field, run_metric_test

SHAPES = [(14, 12), (8, 9, 10)]


def _determinant(displacement):
    """Determinant of `I + du/dx` of one sample by NumPy."""
    ndim = displacement.shape[-1]
    axes = tuple(range(ndim))
    gradient = np.stack(np.gradient(displacement, axis=axes), axis=-1)
    return np.linalg.det(np.eye(ndim) + gradient)


def _linear(matrix, shape):
    points = np.moveaxis(np.indices(shape), 0, -1)
    return points @ (matrix - np.eye(len(shape))).T + 3.0


@pytest.mark.parametrize("shape", SHAPES)
def test_an_affine_map_folds_everywhere_or_nowhere_and_has_no_spread(shape):
    ndim = len(shape)
    matrix = np.eye(ndim) + np.random.default_rng(0).uniform(-0.1, 0.1, (ndim, ndim))
    assert folded_percent(_linear(matrix, shape)) == 0.0
    assert sd_log_j(_linear(matrix, shape)) == pytest.approx(0.0, abs=1e-4)
    mirror = np.diag([-1.0] + [1.0] * (ndim - 1))
    assert folded_percent(_linear(mirror @ matrix, shape)) == 100.0


def test_two_halves_of_different_scale_have_a_closed_form():
    # Stretched by e**0.2 on one side and shrunk by as much on the other, along an axis
    # that does not change: the logarithms are 0.2 and -0.2.
    field = np.zeros((10, 8, 2))
    scale = np.where(np.arange(8) < 4, np.exp(0.2), np.exp(-0.2))
    field[..., 0] = np.arange(10)[:, None] * (scale - 1)
    assert sd_log_j(field) == pytest.approx(0.2, abs=1e-5)
    field[:, :2, 0] = -2.0 * np.arange(10)[:, None]
    assert folded_percent(field) == 25.0


def test_folds_may_be_counted_in_a_mask():
    # Mirrored along the first axis in four of sixteen columns.
    field = np.zeros((8, 16, 2))
    field[:, :4, 0] = -2.0 * np.arange(8)[:, None]
    mask = np.zeros((8, 16), bool)
    mask[:4, 2:6] = True
    # The central difference across the columns changes none of the determinants.
    assert folded_percent(field) == 25.0
    assert folded_percent(field, mask) == 50.0
    assert folded_percent(field, ~mask) == 100 * (32 - 8) / (128 - 16)
    assert np.isnan(folded_percent(field, np.zeros((8, 16), bool)))
    with pytest.raises(ValueError, match=r"mask.shape=\(8,\)"):
        folded_percent(field, np.ones(8, bool))


@pytest.mark.parametrize("shape", SHAPES)
def test_metrics(shape):
    fields = random_field(2, shape, amplitude=4.0, sigma=1.0)
    fields[1] *= 1.5
    determinants = np.stack([_determinant(field) for field in fields])
    determinants = determinants.reshape(2, -1)
    folded = 100 * np.mean(determinants <= 0, axis=1)
    assert 0 < folded.min() < folded.max() < 100
    run_metric_test(FoldedPercent, {}, fields, fields, folded)
    spread = np.std(np.log(np.maximum(determinants, 1e-9)), axis=1)
    run_metric_test(SDLogJ, {}, fields, fields, spread)
