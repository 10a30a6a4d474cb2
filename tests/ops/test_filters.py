import numpy as np
import pytest
from keras import ops
from keras.ops import convert_to_numpy as to_numpy
from scipy import ndimage

from kregzoo.ops.filters import box_sum, smooth
from kregzoo.ops.gradients import value_and_grad

rng = np.random.default_rng(0)

# The last is large enough for the compiled path, where a backend has one.
SHAPES = [(2, 9, 8, 3), (2, 7, 8, 9, 2), (1, 500, 410, 1)]


def box(image, window):
    size = (1, *[window] * (image.ndim - 2), 1)
    return ndimage.convolve(image, np.ones(size), mode="constant")


@pytest.mark.parametrize("window", [1, 3, 9])
@pytest.mark.parametrize("shape", SHAPES)
def test_box_sum_matches_scipy_and_is_its_own_adjoint(shape, window):
    image, probe = rng.normal(size=(2, *shape)).astype("float32")
    expected = box(image, window)
    np.testing.assert_allclose(to_numpy(box_sum(image, window)), expected, atol=1e-4)

    def energy(image):
        return ops.sum(box_sum(image, window) * ops.convert_to_tensor(probe))

    _, (gradient,) = value_and_grad(energy, [image])
    np.testing.assert_allclose(to_numpy(gradient), box(probe, window), atol=1e-4)


@pytest.mark.parametrize("sigma", [0.5, 2.0, "each"])
@pytest.mark.parametrize("shape", SHAPES)
def test_smooth_matches_scipy(shape, sigma):
    sigmas = [sigma] * (len(shape) - 2)
    if sigma == "each":
        sigma = sigmas = [0, 1.2, 0.7][: len(shape) - 2]
    image = rng.normal(size=shape).astype("float32")
    expected = image
    for axis, value in enumerate(sigmas, start=1):
        if value > 0:
            expected = ndimage.gaussian_filter1d(
                expected, value, axis, mode="constant", radius=int(np.ceil(3 * value))
            )
    np.testing.assert_allclose(to_numpy(smooth(image, sigma)), expected, atol=1e-5)


def test_wrong_arguments_are_refused():
    image = np.ones((1, 4, 4, 1), "float32")
    for window in (0, 4, -3):
        with pytest.raises(ValueError, match="`window` must be odd"):
            box_sum(image, window)
    with pytest.raises(ValueError, match="`sigma` must not be negative"):
        smooth(image, [1.0, -1.0])
