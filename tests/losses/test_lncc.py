import numpy as np
import pytest
from keras.ops import convert_to_tensor
from scipy import ndimage

from kregzoo.losses import LNCC
from tests.helpers import assert_close, random_image, run_loss_test, run_mask_test


def _masked(fixed, warped, mask):
    tensors = [convert_to_tensor(array) for array in (fixed, warped, mask)]
    return LNCC(window=5).call(*tensors)


def _expected(fixed, warped, window, epsilon=1e-5):
    """The published sums over boxes, in float64."""
    fixed, warped = fixed.astype("float64"), warped.astype("float64")
    size = window ** (fixed.ndim - 2)

    def total(image):
        box = (1, *[window] * (fixed.ndim - 2), 1)
        return ndimage.uniform_filter(image, box, mode="constant") * size

    f, w = total(fixed), total(warped)
    cross = total(fixed * warped) - f * w / size
    variances = (total(fixed**2) - f**2 / size) * (total(warped**2) - w**2 / size)
    squared = cross**2 / (variances + epsilon)
    return 1 - squared.reshape(len(fixed), -1).mean(axis=1)


@pytest.mark.parametrize("shape", [(14, 12), (10, 9, 8)])
@pytest.mark.parametrize("window", [5, 9])
def test_is_the_mean_squared_local_correlation(shape, window):
    fixed, warped = random_image((2, 2, *shape, 1))
    kwargs = {"window": window}
    values = run_loss_test(LNCC, kwargs, fixed, warped)
    assert_close(values, _expected(fixed, warped, window), rtol=1e-3)
    assert ((values > 0) & (values < 1)).all()


def test_ignores_the_contrast():
    image = random_image((1, 20, 20, 1), sigma=0.0)
    inner = np.zeros((1, 20, 20, 1), "float32")
    inner[:, 5:-5, 5:-5] = 1.0  # a change of brightness shows where boxes reach out
    assert_close(_masked(image, 0.8 - 0.5 * image, inner), [0.0], atol=1e-3)


def test_flat_images_count_as_unlike_without_nans():
    flat = np.full((1, 16, 16, 16, 1), 0.7, "float32")
    inner = np.zeros_like(flat)
    inner[:, 6:-6, 6:-6, 6:-6] = 1.0
    assert_close(_masked(flat, flat, inner), [1.0], atol=1e-2)


def test_voxels_outside_the_mask_do_not_matter():
    fixed, warped = random_image((2, 2, 16, 14, 1))
    mask = np.ones((2, 16, 14, 1), "float32")
    mask[:, :7] = 0.0
    run_mask_test(LNCC(window=5), fixed, warped)
    changed = np.where(mask > 0, warped, 3.0).astype("float32")
    before = np.array(_masked(fixed, warped, mask))
    assert_close(_masked(fixed, changed, mask), before)


@pytest.mark.parametrize("window", [1, 4])
def test_rejects_boxes_without_a_centre_or_neighbours(window):
    with pytest.raises(ValueError, match=f"`window`.*Received: window={window}"):
        LNCC(window=window)
