import numpy as np
import pytest
from keras.ops import convert_to_tensor
from scipy import ndimage

from kregzoo.losses import LNCC
from kregzoo.ops import value_and_grad
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


def _half_flat(scale, offset):
    """Two images that are flat, and unlike, in one half."""
    fixed, warped = random_image((2, 1, 18, 18, 18, 1), sigma=0.0)
    fixed[:, :9], warped[:, :9] = 0.7, 0.3
    images = fixed.astype("float64"), warped.astype("float64")
    return [(scale * image + offset).astype("float32") for image in images]


@pytest.mark.parametrize(
    ("scale", "offset"),
    [(1, 0), (1, -0.6), (1, 5), (1, 1000), (100, 0), (1000, -1000), (1000, 1000)],
)
def test_does_not_lose_its_digits_far_from_zero(scale, offset):
    fixed, warped = _half_flat(scale, offset)
    assert_close(LNCC()(fixed, warped), _expected(fixed, warped, 9)[0], rtol=1e-3)
    assert_close(LNCC()(fixed, fixed), _expected(fixed, fixed, 9)[0], rtol=1e-3)


@pytest.mark.parametrize("scale", [1.0, 50.0, 500.0])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_right_where_images_are_flat(scale, masked):
    fixed, warped = _half_flat(scale, 10 * scale)
    mask = [convert_to_tensor(np.ones_like(fixed))] if masked else []
    _, (found,) = value_and_grad(
        lambda x: LNCC().call(convert_to_tensor(fixed), x, *mask)[0],
        [convert_to_tensor(warped)],
    )
    found = scale * np.array(found).astype("float64")
    assert np.abs(found).max() < 0.01
    if masked:
        # All boxes that hold a voxel of the first plane are flat within the mask.
        assert_close(found[:, :1], np.zeros((1, 1, 18, 18, 1)), atol=1e-9)
        return
    direction = np.random.default_rng(1).normal(size=warped.shape)
    ends = [
        _expected(fixed, warped.astype("float64") + sign * 1e-4 * scale * direction, 9)
        for sign in (1, -1)
    ]
    slope = (ends[0] - ends[1])[0] / 2e-4
    size = np.linalg.norm(found) * np.linalg.norm(direction)
    assert abs((found * direction).sum() - slope) < 1e-3 * size


@pytest.mark.parametrize("level", [0.0, 1.0, 1e3, 1e6])
def test_rounding_does_not_look_like_structure(level):
    rng = np.random.default_rng(0)
    # A flat image as interpolation leaves it.
    noise = 1e-7 * rng.normal(size=(1, 16, 16, 16, 1))
    flat = (level * (1.0 + noise)).astype("float32")
    inner = np.zeros_like(flat)
    inner[:, 6:-6, 6:-6, 6:-6] = 1.0
    assert_close(_masked(flat, flat, inner), [1.0], atol=0.02)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_computes_in_full_precision(dtype):
    images = [convert_to_tensor(x, dtype) for x in random_image((2, 1, 20, 20, 1))]
    exact = [convert_to_tensor(x, "float32") for x in images]
    assert_close(LNCC().call(*images), np.array(LNCC().call(*exact)))


def test_voxels_outside_the_mask_do_not_matter():
    fixed, warped = random_image((2, 2, 16, 14, 1))
    mask = np.ones((2, 16, 14, 1), "float32")
    mask[:, :7] = 0.0
    run_mask_test(LNCC(window=5), fixed, warped)
    changed = np.where(mask > 0, warped, 3.0).astype("float32")
    before = np.array(_masked(fixed, warped, mask))
    assert_close(_masked(fixed, changed, mask), before)


@pytest.mark.parametrize("window", [1, 4])
def test_rejects_boxes_without_a_center_or_neighbors(window):
    with pytest.raises(ValueError, match=f"`window`.*Received: window={window}"):
        LNCC(window=window)
