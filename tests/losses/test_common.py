import keras
import numpy as np
import pytest

from kregzoo.losses.common import forward_differences, voxel_mean
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
