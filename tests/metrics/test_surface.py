import math

import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.metrics import HD95, hd95
from tests.helpers import random_image, run_metric_test


def _structures(shape):
    """Two random blobs that keep off the image's border, which ITK treats apart."""
    images = random_image((2, *shape, 1), sigma=2.0)[..., 0]
    masks = np.zeros(images.shape, bool)
    inner = (slice(None), *[slice(2, -2)] * len(shape))
    masks[inner] = images[inner] > 0.55
    return masks


def _contour_distances(a, b, spacing):
    """Distances from the contour of `a` to that of `b` by ITK."""
    contours = []
    for mask in (a, b):
        image = sitk.GetImageFromArray(mask.astype("uint8"))
        image.SetSpacing([float(s) for s in spacing[::-1]])
        contours.append(sitk.LabelContour(image))
    distance = sitk.SignedMaurerDistanceMap(
        contours[1], squaredDistance=False, useImageSpacing=True
    )
    distance = np.abs(sitk.GetArrayFromImage(distance))
    return distance[sitk.GetArrayFromImage(contours[0]) > 0]


@pytest.mark.parametrize(
    ("shape", "spacing"), [((30, 26), (1.0, 2.5)), ((18, 20, 16), (0.7, 1.0, 3.0))]
)
def test_is_the_percentile_of_itks_contour_distances(shape, spacing):
    a, b = _structures(shape)
    expected = max(
        np.percentile(_contour_distances(a, b, spacing), 95),
        np.percentile(_contour_distances(b, a, spacing), 95),
    )
    assert hd95(a, b, spacing) == pytest.approx(expected, rel=1e-5)
    assert hd95(a, a, spacing) == 0.0


def test_empty_structures_have_no_distance():
    a = np.zeros((4, 4), bool)
    assert math.isnan(hd95(a, a))
    assert math.isnan(hd95(a, ~a))


def test_rejects_other_shapes():
    with pytest.raises(ValueError, match="`a` and `b` must have the same shape"):
        hd95(np.ones((2, 2)), np.ones((2, 3)))


def test_metric_leaves_out_missing_labels():
    a, b = _structures((20, 22)), _structures((20, 22))[::-1]
    expected = [hd95(x, y, 2.0) for x, y in zip(a, b, strict=True)]
    one_hot = [np.stack([x, 0 * x], axis=-1).astype("float32") for x in (a, b)]
    run_metric_test(HD95, {"spacing": 2.0}, *one_hot, expected)
