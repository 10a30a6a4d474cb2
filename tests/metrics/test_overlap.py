import math

import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.metrics import HD95, TRE, Dice, FoldedPercent, SDLogJ, dice
from kregzoo.spatial import Image
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


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_labels_of_any_size_and_sign(dtype):
    fixed = np.array([0, -5, -5, 2**40 + 1, 614454277, 16777217], dtype)
    warped = np.array([0, -5, 3, 2**40 + 1, 614454276, 16777217], dtype)
    overlaps = dice(fixed, warped)
    assert overlaps == {
        -5: pytest.approx(2 / 3),
        3: 0.0,
        16777217: 1.0,
        614454276: 0.0,
        614454277: 0.0,
        2**40 + 1: 1.0,
    }


def test_maps_of_different_types():
    fixed = np.array([0, 1, 7], "uint8")
    for dtype in ("int64", "float32", "uint64", ">i2"):
        assert dice(fixed, fixed.astype(dtype)) == {1: 1.0, 7: 1.0}
    assert dice(fixed == 1, fixed == 7) == {1: 0.0}
    assert dice(fixed, fixed, labels=np.array([7])) == {7: 1.0}
    assert dice(fixed, fixed, labels={7.0}) == {7: 1.0}
    assert dice(fixed, fixed, labels=[]) == {}


@pytest.mark.parametrize(
    "bad",
    [
        np.array([0.0, np.nan]),
        np.array([0.0, np.inf]),
        np.array([0.0, 0.5]),
        np.array([0.0, 1e30]),
        np.array(["0", "1"]),
        Image.from_array(np.eye(2)),
    ],
)
def test_rejects_what_is_no_label_map(bad):
    good = np.array([0, 1])
    with pytest.raises(ValueError, match="`warped` must be whole numbers"):
        dice(good, bad)
    with pytest.raises(ValueError, match="`fixed` must be whole numbers"):
        dice(bad, bad)


def test_rejects_labels_that_are_no_numbers():
    good = np.array([0, 1])
    with pytest.raises(ValueError, match="`labels` must be whole numbers"):
        dice(good, good, labels=["1"])


def test_rejects_other_shapes():
    with pytest.raises(ValueError, match="`fixed` and `warped` must have the same"):
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
    with pytest.raises(ValueError, match="`sample_weight` must have one weight per"):
        metric()(values, values, sample_weight=np.ones((2, 6, 5)))
    metric()(values, values, sample_weight=np.ones(2))
