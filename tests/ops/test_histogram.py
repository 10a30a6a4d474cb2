import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from keras import ops
from keras.ops import convert_to_numpy as to_numpy
from scipy.interpolate import BSpline

from kregzoo.ops.gradients import value_and_grad
from kregzoo.ops.histogram import joint_histogram

rng = np.random.default_rng(0)


def expected_histogram(fixed, moving, bins, mask, low, high):
    """The definition, voxel by voxel, with SciPy's B-spline as the window."""
    window = BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)

    def weights(image):
        position = 1 + (np.clip(image, low, high) - low) / (high - low) * (bins - 3)
        return np.nan_to_num(window(position.reshape(-1, 1) - np.arange(bins)))

    table = weights(fixed).T @ (weights(moving) * mask.reshape(-1, 1))
    return table / mask.sum()


@pytest.mark.parametrize("spatial", [(9, 8), (5, 6, 7)])
def test_joint_histogram_matches_its_definition(spatial):
    fixed, moving = rng.uniform(-1, 4, size=(2, 2, *spatial, 1))
    mask = rng.uniform(size=(2, *spatial, 1))
    ones = np.ones_like(mask)
    plain = to_numpy(joint_histogram(fixed, moving, 12, range=(-0.5, 3)))
    masked = to_numpy(joint_histogram(fixed, moving, 12, mask, range=(-0.5, 3)))
    for i in range(2):
        expected = expected_histogram(fixed[i], moving[i], 12, ones[i], -0.5, 3)
        np.testing.assert_allclose(plain[i], expected, atol=1e-6)
        expected = expected_histogram(fixed[i], moving[i], 12, mask[i], -0.5, 3)
        np.testing.assert_allclose(masked[i], expected, atol=1e-6)


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(
    st.lists(st.floats(-2, 3, width=32), min_size=24, max_size=24),
    st.sampled_from([4, 9]),
)
def test_it_is_a_probability_and_swaps_with_its_images(values, bins):
    fixed, moving = np.reshape(values, (2, 1, 4, 3, 1))
    histogram = to_numpy(joint_histogram(fixed, moving, bins))[0]
    swapped = to_numpy(joint_histogram(moving, fixed, bins))[0]
    assert histogram.min() >= -1e-7
    np.testing.assert_allclose(histogram.sum(), 1, atol=1e-5)
    np.testing.assert_allclose(histogram, swapped.T, atol=1e-6)


def test_an_empty_mask_gives_zeros():
    image = rng.uniform(size=(1, 4, 4, 1))
    histogram = joint_histogram(image, image, mask=np.zeros((1, 4, 4, 1)))
    np.testing.assert_array_equal(to_numpy(histogram), np.zeros((1, 32, 32)))


def test_gradients_match_finite_differences():
    fixed, moving = rng.uniform(0.05, 0.95, size=(2, 1, 4, 3, 1)).astype("float32")
    probe = ops.convert_to_tensor(rng.normal(size=(8, 8)), dtype="float32")

    def energy(fixed, moving):
        return ops.sum(joint_histogram(fixed, moving, bins=8) * probe)

    def numeric(image, value, step=1e-2):
        gradient = np.zeros_like(image)
        for index in np.ndindex(image.shape):
            ends = [image.copy(), image.copy()]
            ends[0][index] -= step
            ends[1][index] += step
            low, high = (float(value(end)) for end in ends)
            gradient[index] = (high - low) / (2 * step)
        return gradient

    _, (of_fixed, of_moving) = value_and_grad(energy, [fixed, moving])
    expected = numeric(fixed, lambda image: energy(image, moving))
    np.testing.assert_allclose(to_numpy(of_fixed), expected, atol=2e-3)
    expected = numeric(moving, lambda image: energy(fixed, image))
    np.testing.assert_allclose(to_numpy(of_moving), expected, atol=2e-3)


def test_wrong_arguments_are_refused():
    image = np.ones((1, 4, 4, 1))
    for arguments in ({"bins": 3}, {"range": (1, 1)}):
        with pytest.raises(ValueError, match="`bins` must be at least 4"):
            joint_histogram(image, image, **arguments)
