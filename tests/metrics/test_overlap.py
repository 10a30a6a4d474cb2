import math

import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.metrics import Dice, dice
from tests.helpers import random_image, run_metric_test


def _label_maps(shape):
    images = random_image((2, *shape, 1), sigma=1.5)[..., 0]
    return np.digitize(images, [0.4, 0.5, 0.6]).astype("uint8")


@pytest.mark.parametrize("shape", [(20, 18), (12, 14, 10)])
def test_is_simpleitks_dice(shape):
    fixed, warped = _label_maps(shape)
    measure = sitk.LabelOverlapMeasuresImageFilter()
    measure.Execute(sitk.GetImageFromArray(fixed), sitk.GetImageFromArray(warped))
    overlaps = dice(fixed, warped)
    assert list(overlaps) == [1, 2, 3]
    for label, overlap in overlaps.items():
        assert overlap == pytest.approx(measure.GetDiceCoefficient(label))


def test_takes_the_labels_asked_for():
    fixed, warped = np.array([[0, 1], [1, 5]]), np.array([[0, 1], [2, 5]])
    overlaps = dice(fixed, warped, labels=[5, 9])
    assert overlaps[5] == 1.0 and math.isnan(overlaps[9])
    assert dice(fixed, warped)[2] == 0.0


def test_rejects_other_shapes():
    with pytest.raises(ValueError, match="`fixed` and `warped` must have one shape"):
        dice(np.zeros((2, 2)), np.zeros((2, 3)))


@pytest.mark.parametrize("shape", [(20, 18), (12, 14, 10)])
def test_metric(shape):
    fixed, warped = _label_maps(shape), _label_maps(shape)[::-1]
    expected = [
        np.mean(list(dice(f, w).values())) for f, w in zip(fixed, warped, strict=True)
    ]
    # A fourth label that neither map has must not count.
    one_hot = [
        (maps[..., None] == np.arange(1, 5)).astype("float32")
        for maps in (fixed, warped)
    ]
    run_metric_test(Dice, {}, *one_hot, expected)
