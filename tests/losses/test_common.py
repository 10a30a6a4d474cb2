import keras
import numpy as np
import pytest
from scipy import ndimage

from kregzoo.losses.common import forward_differences, local_moments, voxel_mean
from tests.helpers import assert_close, random_image


def test_voxel_mean_weighs_by_the_mask():
    values = np.arange(16, dtype="float32").reshape(2, 2, 2, 2)
    mask = np.zeros((2, 2, 2, 1), "float32")
    mask[0, 0, 0], mask[0, 1, 1] = 1.0, 0.5
    values = keras.ops.convert_to_tensor(values)
    assert_close(voxel_mean(values), [3.5, 11.5])
    assert_close(voxel_mean(values, mask), [(0.5 + 0.5 * 6.5) / 1.5, 0.0])


@pytest.mark.parametrize("shape", [(5, 6), (4, 5, 6)])
def test_forward_differences_are_numpys(shape):
    field = random_image((2, *shape, 3))
    for axis, difference in enumerate(forward_differences(field), start=1):
        assert_close(difference, np.diff(field, axis=axis))


@pytest.mark.parametrize("shape", [(9, 11), (8, 7, 9)])
@pytest.mark.parametrize("masked", [False, True])
def test_local_moments_are_those_of_each_box(shape, masked):
    fixed, warped = random_image((2, 1, *shape, 1)).astype("float32")
    mask = np.random.default_rng(0).uniform(0.1, 1.0, (1, *shape, 1)).astype("float32")
    window = 5

    def mean(image):
        box = (1, *[window] * len(shape), 1)
        if not masked:
            return ndimage.uniform_filter(image.astype("float64"), box, mode="constant")
        weighted = ndimage.uniform_filter(image * mask, box, mode="constant")
        return weighted / ndimage.uniform_filter(mask, box, mode="constant")

    f, w = mean(fixed), mean(warped)
    expected = [
        f,
        w,
        mean(fixed**2) - f**2,
        mean(warped**2) - w**2,
        mean(fixed * warped) - f * w,
    ]
    moments = local_moments(fixed, warped, window, mask if masked else None)
    for ours, theirs in zip(moments, expected, strict=True):
        assert_close(ours, theirs)
