import numpy as np
import pytest

from kregzoo.registrars.registration import Registration
from kregzoo.spatial import AffineTransform, Image, Preprocessor, as_image
from kregzoo.spatial.sampling import sample_indices

# Sizes for which every n-th voxel is in one slice, or in a few.
SHAPES = [(448, 448, 30), (640, 640, 20)]


@pytest.mark.parametrize("size", [10, 1000, 6_021_120])
def test_indices_represent_all_of_an_array(size):
    index = sample_indices(size, 1000)
    assert len(index) == min(size, 1000)
    assert index.min() >= 0 and index.max() < size
    assert (np.diff(index) > 0).all()
    np.testing.assert_array_equal(index, sample_indices(size, 1000))
    for period in (2, 16, 30):
        counts = np.bincount(index % period, minlength=period)
        assert counts.min() > 0.4 * counts.max() or size == 10


@pytest.mark.parametrize("shape", SHAPES)
def test_intensities_of_one_slice_do_not_set_the_scale(shape):
    array = np.random.default_rng(0).uniform(0, 1000, shape).astype("float32")
    array[..., 0] = array[..., 0] * 0.4 + 600
    result = Preprocessor(1.0, ((16,) * 3,)).normalize(Image.from_array(array)).array
    low, high = np.percentile(array, (0.5, 99.5))
    expected = np.clip((array - low) / (high - low), 0, 1)
    np.testing.assert_allclose(result, expected, atol=5e-3)


def test_correlation_of_one_slice_is_not_that_of_the_images():
    rng = np.random.default_rng(0)
    fixed, moving = rng.random((2, 1024, 1024, 16), "float32")
    moving[..., 0] = fixed[..., 0]
    images = [Image.from_array(array) for array in (moving, fixed)]
    result = Registration(*images, AffineTransform(np.eye(4)), {})
    for name in ("ncc_before", "ncc"):
        assert result.metrics[name] == pytest.approx(1 / 16, abs=5e-3)


@pytest.mark.parametrize("shape", [(8, 1000, 1000), (448, 448, 30)])
def test_a_map_of_labels_is_seen_wherever_its_labels_lie(shape):
    labels = np.zeros(shape, "uint8")
    labels[4:6, 90:310, 100:300] = 1
    labels[4:6, 90:310, 10:20] = 2
    with pytest.raises(ValueError, match="looks like a map of labels"):
        as_image(labels, "moving")
    # A scan of which only the first slice is constant.
    scan = np.random.default_rng(0).integers(0, 1000, shape)
    scan[..., 0] = 7
    as_image(scan, "moving")
