import numpy as np
import pytest
from scipy import ndimage

from kregzoo.losses import Dice
from tests.helpers import assert_close, random_image, run_loss_test, run_mask_test


def _squares(start, size=20):
    label = np.zeros((1, size, size, 1), "float32")
    label[:, start : start + 4, 8:12] = 1.0
    return label


@pytest.mark.parametrize("shape", [(16, 14), (10, 9, 8)])
@pytest.mark.parametrize("scales", [(0,), (0, 1, 2)])
def test_is_the_overlap_of_smoothed_labels(shape, scales):
    fixed, warped = random_image((2, 2, *shape, 3))
    values = run_loss_test(Dice, {"scales": scales}, fixed, warped)
    overlaps = []
    for scale in scales:
        sigma = (0, *[scale] * len(shape), 0)
        f, w = (
            ndimage.gaussian_filter(
                x.astype("float64"), sigma, mode="constant", truncate=3
            )
            for x in (fixed, warped)
        )
        axes = tuple(range(1, len(shape) + 1))
        overlap = 2 * (f * w).sum(axes) / ((f**2).sum(axes) + (w**2).sum(axes))
        overlaps.append(overlap.mean(axis=-1))
    assert_close(values, 1 - np.mean(overlaps, axis=0))
    run_mask_test(Dice(scales), fixed, warped)


def test_counts_binary_labels():
    assert_close(Dice()(_squares(4), _squares(6)), 1 - 2 * 8 / (16 + 16))
    assert_close(Dice()(_squares(4), _squares(4)), 0.0)
    assert_close(Dice()(0 * _squares(4), 0 * _squares(4)), 0.0)


def test_smoothing_draws_distant_labels_together():
    values = [
        float(Dice(scales=(0, 1, 2, 4, 8))(_squares(2), _squares(start)))
        for start in (2, 5, 8, 11, 14)
    ]
    assert values[0] < 1e-3
    assert values == sorted(values) and len(set(values)) == 5


@pytest.mark.parametrize("scales", [(), (0, -1)])
def test_rejects_impossible_scales(scales):
    with pytest.raises(ValueError, match="`scales` must hold at least one number"):
        Dice(scales=scales)
