import numpy as np
import pytest
from keras import ops as kops
from keras.ops import convert_to_numpy as to_numpy

from kregzoo.ops import compiled, local_moments, value_and_grad
from tests.helpers import random_image

WINDOW = 5


def expected_moments(fixed, warped, mask=None):
    """The definition, box by box, in float64."""
    axes = tuple(range(1, fixed.ndim - 1))
    box = tuple(range(-len(axes), 0))

    def windows(image):
        reach = [(0, 0), *[(WINDOW // 2,) * 2] * len(axes), (0, 0)]
        padded = np.pad(np.asarray(image, "float64"), reach)
        sizes = (WINDOW,) * len(axes)
        return np.lib.stride_tricks.sliding_window_view(padded, sizes, axes)

    weights = np.ones(WINDOW ** len(axes)) if mask is None else windows(mask)
    if mask is None:
        weights = weights.reshape((WINDOW,) * len(axes))
    total = weights.sum(box)

    def mean(values):
        return (values * weights).sum(box) / total

    f, w = windows(fixed), windows(warped)
    lift = (..., *[None] * len(axes))
    df, dw = f - mean(f)[lift], w - mean(w)[lift]
    return [mean(f), mean(w), mean(df * df), mean(dw * dw), mean(df * dw)]


def random_mask(shape):
    mask = np.random.default_rng(0).uniform(0.1, 1.0, (*shape[:-1], 1))
    mask[:, :2, :3] = 0.0
    return mask.astype("float32")


@pytest.mark.parametrize("shape", [(2, 9, 11, 2), (1, 8, 7, 9, 1), (1, 40, 40, 40, 1)])
@pytest.mark.parametrize("masked", [False, True])
def test_moments_are_those_of_each_box(shape, masked):
    fixed, warped = random_image((2, *shape))
    mask = random_mask(shape) if masked else None
    with np.errstate(invalid="ignore"):
        expected = expected_moments(fixed, warped, mask)
    for ours, theirs in zip(
        local_moments(fixed, warped, WINDOW, mask), expected, strict=True
    ):
        # A box that is hidden altogether has no moments.
        np.testing.assert_allclose(ours, np.nan_to_num(theirs), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("offset", [0.0, -1000.0, 1e5])
def test_digits_survive_an_offset(offset):
    fixed, warped = random_image((2, 1, 16, 14, 12, 1), sigma=0.0) + np.float32(offset)
    warped[:, :8] = offset
    # A box that reaches out of the image sees its edge.
    inner = (slice(None), *[slice(2, -2)] * 3)
    for ours, theirs in zip(
        local_moments(fixed, warped, WINDOW),
        expected_moments(fixed, warped),
        strict=True,
    ):
        ours = to_numpy(ours)[inner]
        # Means are rounded to float32, the rest must not feel the offset.
        np.testing.assert_allclose(ours, theirs[inner], rtol=1e-4, atol=1e-6)
    flat = to_numpy(local_moments(fixed, warped, WINDOW)[3])[:, 2:6, 2:-2, 2:-2]
    np.testing.assert_array_equal(flat, 0.0)


@pytest.mark.parametrize("shape", [(2, 9, 11, 2), (1, 8, 7, 9, 1)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_gradients_are_those_of_the_definition(shape, masked, offset):
    arrays = list(random_image((2, *shape), sigma=0.0) + np.float32(offset))
    if masked:
        arrays.append(random_mask(shape) + np.float32(0.1))
    rng = np.random.default_rng(1)
    probes = rng.normal(size=(5, *shape))

    @compiled
    def gradients(*tensors):
        def total(*tensors):
            moments = local_moments(*tensors[:2], WINDOW, *tensors[2:])
            return sum(
                kops.sum(m * kops.cast(p, "float32"))
                for m, p in zip(moments, probes, strict=True)
            )

        return value_and_grad(total, list(tensors))[1]

    found = gradients(*map(kops.convert_to_tensor, arrays))
    for number, gradient in enumerate(found):
        direction = rng.normal(size=arrays[number].shape)
        ends = []
        for step in (1e-5, -1e-5):
            moved = [array.astype("float64") for array in arrays]
            moved[number] += step * direction
            moments = expected_moments(*moved)
            ends.append(
                sum((m * p).sum() for m, p in zip(moments, probes, strict=True))
            )
        slope = (ends[0] - ends[1]) / 2e-5
        actual = (to_numpy(gradient).astype("float64") * direction).sum()
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction)
        assert abs(actual - slope) < 1e-5 * scale
