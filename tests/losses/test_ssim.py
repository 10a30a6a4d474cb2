import numpy as np
import pytest
from scipy import ndimage

from kregzoo.losses import SSIM
from tests.helpers import assert_close, random_image, run_loss_test, run_mask_test


def _expected(fixed, warped, window, intensity_width=1.0):
    """The published index, in float64."""

    def mean(image):
        box = (1, *[window] * (fixed.ndim - 2), 1)
        return ndimage.uniform_filter(image.astype("float64"), box, mode="constant")

    fixed, warped = fixed.astype("float64"), warped.astype("float64")
    f, w = mean(fixed), mean(warped)
    c1, c2 = ((share * intensity_width) ** 2 for share in (0.01, 0.03))
    index = (2 * f * w + c1) * (2 * (mean(fixed * warped) - f * w) + c2)
    index /= f**2 + w**2 + c1
    index /= mean(fixed**2) - f**2 + mean(warped**2) - w**2 + c2
    return 1 - index.reshape(len(fixed), -1).mean(axis=1)


@pytest.mark.parametrize("shape", [(14, 12), (9, 8, 10)])
def test_is_the_published_index(shape):
    fixed, warped = random_image((2, 2, *shape, 1))
    values = run_loss_test(SSIM, {"window": 5, "intensity_width": 2.0}, fixed, warped)
    assert_close(values, _expected(fixed, warped, 5, 2.0), rtol=1e-3)
    run_mask_test(SSIM(), fixed, warped)


@pytest.mark.parametrize("offset", [-1000.0, 1000.0])
def test_keeps_its_digits_far_from_zero(offset):
    fixed, warped = random_image((2, 1, 16, 14, 12, 1), sigma=0.0) + np.float32(offset)
    warped[:, :8] = offset
    assert_close(SSIM()(fixed, warped), _expected(fixed, warped, 7)[0], rtol=1e-3)


def test_equal_images_score_zero():
    image = random_image((1, 12, 12, 1))
    assert_close(SSIM()(image, image), 0.0, atol=1e-4)
    assert np.array(SSIM()(image, 1.0 - image)) > 0.5


@pytest.mark.parametrize("argument", [{"window": 2}, {"intensity_width": 0.0}])
def test_rejects_impossible_arguments(argument):
    with pytest.raises(ValueError, match=f"`{next(iter(argument))}` must be"):
        SSIM(**argument)
