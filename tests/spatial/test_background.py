import numpy as np
import pytest

from kregzoo.spatial.background import without_nan, without_padding


def air_and_body(seed=0):
    """Make a round body in air in Hounsfield units, and the distance map."""
    position = np.stack(np.meshgrid(*[np.linspace(-1, 1, 40)] * 3, indexing="ij"))
    radius = np.hypot(position[0], position[1])
    values = np.where(radius < 0.6, 40.0, -1000.0)
    values[(radius < 0.3)] = 700.0
    noise = np.random.default_rng(seed).normal(0, 20, values.shape)
    return (values + noise).round().astype("float32"), radius


@pytest.mark.parametrize("padding", [-2000, -3024, -32768])
@pytest.mark.parametrize("interpolated", [False, True])
def test_padding_of_a_ct_becomes_air(padding, interpolated):
    scan, radius = air_and_body()
    outside = radius > 0.95
    padded = np.where(outside, padding, scan).astype("float32")
    if interpolated:
        padded[0, 0, 20:], outside[0, 0, 20:] = -1700.0, True
    result = without_padding(padded)
    np.testing.assert_array_equal(result[~outside], scan[~outside])
    assert -1100 < result[outside].min() <= result[outside].max() < -1000


@pytest.mark.parametrize("padding", [-1000.0, -1500.5, -1e6])
def test_a_negative_value_far_from_all_others_is_padding(padding):
    scan = np.random.default_rng(0).uniform(5, 200, (20, 30)).astype("float32")
    padded = scan.copy()
    padded[:, :6] = padding
    result = without_padding(padded)
    np.testing.assert_array_equal(result[:, 6:], scan[:, 6:])
    assert 5 <= result[:, :6].min() <= result[:, :6].max() < 10


def test_zeros_around_a_standardized_object_become_its_darkest_voxels():
    scan = np.random.default_rng(0).normal(size=(30, 30, 30)).astype("float32")
    brain = np.zeros((50, 50, 50), "float32")
    brain[10:40, 10:40, 10:40] = scan
    result = without_padding(brain)
    np.testing.assert_array_equal(result[10:40, 10:40, 10:40], scan)
    assert result[0, 0, 0] == pytest.approx(np.percentile(scan, 0.5), abs=1e-3)


@pytest.mark.parametrize("offset", [0.0, -1000.0, -5000.0])
def test_measured_backgrounds_stay(offset):
    scan, radius = air_and_body()
    skull_stripped = np.zeros((40, 40), "float32")
    skull_stripped[10:30, 10:30] = np.random.default_rng(0).uniform(100, 150, (20, 20))
    ringing = skull_stripped.copy()
    ringing[9, 10:30] = -8.0
    standardized = (skull_stripped - skull_stripped.mean()) / skull_stripped.std()
    water = np.where(radius < 0.6, 0.0, scan)
    noisy = scan - 3 * (scan < -900) * np.random.default_rng(1).normal(
        0, 60, radius.shape
    )
    images = [scan, water, noisy, np.maximum(scan, -1024)]
    images += [skull_stripped + offset, ringing, standardized, 1.0 - standardized]
    for image in images:
        image = image.astype("float32")
        assert without_padding(image) is image


def test_nan_becomes_background():
    scan, radius = air_and_body()
    missing = radius > 0.95
    result = without_nan(np.where(missing, np.nan, scan).astype("float32"))
    np.testing.assert_array_equal(result[~missing], scan[~missing])
    np.testing.assert_allclose(result[missing], np.percentile(scan[~missing], 0.5))
    magnitude = np.where(missing, np.nan, np.abs(scan) + 5.0)
    assert (without_nan(magnitude)[missing] == 0.0).all()
    assert without_nan(scan) is scan
    assert np.isnan(without_nan(np.full((3, 3), np.nan))).all()
