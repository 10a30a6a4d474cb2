import numpy as np
import pytest

from kregzoo.spatial import Image
from kregzoo.spatial.image_features import (
    FEATURES,
    feature_ranges,
    image_features,
    unusual_features,
)


def box(size, value=1.0, spacing=1.0):
    """A cuboid of a value in an empty image."""
    array = np.zeros((20, 20, 20), "float32")
    array[tuple(slice(4, 4 + n) for n in size)] = value
    return Image.from_array(array, spacing=spacing)


def test_features_of_a_box_are_known():
    found = image_features(box((3, 4, 12), 0.5, spacing=2.0))
    assert found == {
        "extent_mm": pytest.approx(26.0),
        "filled_percent": pytest.approx(100.0),
        "dark": 0.5,
        "median": 0.5,
        "bright": 0.5,
    }
    assert set(found) == set(FEATURES)


def test_features_do_not_depend_on_the_voxel_size():
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0.2, 1.0, (10, 10, 10)).astype("float32")
    fine = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    found = image_features(Image.from_array(fine, spacing=1.5))
    assert found == pytest.approx(image_features(Image.from_array(coarse, spacing=3.0)))


def test_quartiles_are_those_of_the_foreground():
    values = np.linspace(0.2, 1.0, 8000, dtype="float32").reshape(20, 20, 20)
    image = Image.from_array(np.pad(values, 10))
    found = image_features(image)
    quartiles = [found[name] for name in ("dark", "median", "bright")]
    np.testing.assert_allclose(quartiles, [0.4, 0.6, 0.8], atol=1e-3)


def test_ranges_hold_all_images():
    images = [box((n, 4, 4), value) for n, value in ((4, 0.5), (8, 0.9), (6, 0.7))]
    ranges = feature_ranges(images)
    assert ranges["median"] == [0.5, 0.9]
    for image in images:
        assert unusual_features(image_features(image), ranges) == []


def test_what_is_far_outside_is_named_with_its_range():
    ranges = feature_ranges([box((n, n, n)) for n in (4, 5)])
    (text,) = unusual_features(image_features(box((16, 16, 16))), ranges)
    assert text == (
        "the foreground measures 27.7 mm from corner to corner (6.93 to 8.66)"
    )
    # Slightly outside is usual.
    assert unusual_features(image_features(box((6, 5, 5))), ranges) == []
