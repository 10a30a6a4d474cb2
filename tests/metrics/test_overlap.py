import math

import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.metrics import HD95, TRE, Dice, FoldedPercent, SDLogJ, dice
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


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float16"])
def test_metric_takes_labels_of_any_type(dtype):
    fixed, warped = _label_maps((20, 18)), _label_maps((20, 18))[::-1]
    expected = np.mean(
        [np.mean(list(dice(f, w).values())) for f, w in zip(fixed, warped, strict=True)]
    )
    one_hot = [
        (maps[..., None] == np.arange(1, 4)).astype(dtype) for maps in (fixed, warped)
    ]
    assert float(Dice()(*one_hot)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("channel", [(), (1,)])
def test_metric_weights_voxels(channel):
    fixed, warped = _label_maps((20, 18)), _label_maps((20, 18))[::-1]
    one_hot = [maps[..., None] == np.arange(1, 4) for maps in (fixed, warped)]
    weights = np.zeros(fixed.shape, "float32")
    weights[0, 5:15], weights[1, :, 2:11] = 1.0, 0.5
    values = [
        np.mean(list(dice(fixed[0, 5:15], warped[0, 5:15]).values())),
        np.mean(list(dice(fixed[1, :, 2:11], warped[1, :, 2:11]).values())),
    ]
    found = Dice()(*one_hot, sample_weight=weights.reshape(*weights.shape, *channel))
    # Half the voxels count each time, those of the second sample half as much.
    assert float(found) == pytest.approx(np.average(values, weights=[1.0, 0.5]))
    assert float(Dice()(*one_hot, sample_weight=[1.0, 0.0])) == pytest.approx(
        np.mean(list(dice(fixed[0], warped[0]).values()))
    )


@pytest.mark.parametrize("metric", [HD95, TRE, FoldedPercent, SDLogJ, Dice])
def test_weights_that_fit_nothing_are_refused(metric):
    values = np.zeros((2, 6, 6, 2), "float32")
    values[:, 2:4, 2:4] = 1.0
    with pytest.raises(ValueError, match="`sample_weight` must have one weight a"):
        metric()(values, values, sample_weight=np.ones((2, 6, 5)))
    metric()(values, values, sample_weight=np.ones(2))
