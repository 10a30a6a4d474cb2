import numpy as np
import pytest
from scipy import ndimage

from kregzoo.losses import SSIM
from tests.helpers import assert_close, random_image, run_loss_test, run_mask_test


@pytest.mark.parametrize("shape", [(14, 12), (9, 8, 10)])
def test_is_the_published_index(shape):
    fixed, warped = random_image((2, 2, *shape, 1))
    values = run_loss_test(SSIM, {"window": 5, "intensity_width": 2.0}, fixed, warped)

    def mean(image):
        box = (1, *[5] * len(shape), 1)
        return ndimage.uniform_filter(image.astype("float64"), box, mode="constant")

    f, w = mean(fixed), mean(warped)
    c1, c2 = 0.02**2, 0.06**2
    index = (2 * f * w + c1) * (2 * (mean(fixed * warped) - f * w) + c2)
    index /= f**2 + w**2 + c1
    index /= mean(fixed**2) - f**2 + mean(warped**2) - w**2 + c2
    assert_close(values, 1 - index.reshape(2, -1).mean(axis=1), rtol=1e-3)
    run_mask_test(SSIM(), fixed, warped)


def test_equal_images_score_zero():
    image = random_image((1, 12, 12, 1))
    assert_close(SSIM()(image, image), 0.0, atol=1e-4)
    assert np.array(SSIM()(image, 1.0 - image)) > 0.5


@pytest.mark.parametrize("argument", [{"window": 2}, {"intensity_width": 0.0}])
def test_rejects_impossible_arguments(argument):
    with pytest.raises(ValueError, match=f"`{next(iter(argument))}` must be"):
        SSIM(**argument)
