import pytest
from scipy import ndimage

from kregzoo.layers import GaussianSmoothing
from tests.helpers import assert_close, assert_gradient, random_image, run_layer_test


@pytest.mark.parametrize("shape", [(9, 8), (7, 8, 9)])
def test_is_scipy_s_gaussian(shape, tmp_path):
    image = random_image((2, *shape, 2))
    output = run_layer_test(
        GaussianSmoothing, {"sigma": 1.5}, image, image.shape, tmp_path
    )
    sigma = (0, *[1.5] * len(shape), 0)
    expected = ndimage.gaussian_filter(
        image, sigma, mode="constant", radius=(0, *[5] * len(shape), 0)
    )
    assert_close(output, expected)


def test_gradient():
    assert_gradient(GaussianSmoothing(1.0), random_image((1, 6, 7, 1)))


def test_rejects_negative_sigmas():
    with pytest.raises(ValueError, match="`sigma`.*Received: sigma=-1"):
        GaussianSmoothing(-1)
