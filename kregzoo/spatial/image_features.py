"""Simple features of images, to recognize images unlike those of a training."""

import numpy as np

from kregzoo.spatial.preprocessing import FOREGROUND, foreground_box
from kregzoo.spatial.sampling import sample_indices

# Descriptions for users, with the value.
FEATURES = {
    "extent_mm": "the foreground measures {} mm from corner to corner",
    "filled_percent": "{} % of the box around the foreground are foreground",
    "dark": "a quarter of the foreground is darker than {}, on a scale from 0 to 1",
    "median": "half of the foreground is darker than {}, on a scale from 0 to 1",
    "bright": "a quarter of the foreground is brighter than {}, on a scale from 0 to 1",
}
QUARTILES = {"dark": 25, "median": 50, "bright": 75}
SAMPLED_VOXELS = 200_000
# A range is widened on both sides by this share of its width, and of its limit.
OF_WIDTH, OF_LIMIT = 0.5, 0.1


def image_features(image):
    """Compute the features of an image.

    Args:
        image: an `Image` with intensities in [0, 1], see `Preprocessor.normalize`.

    Returns:
        Dict of floats by the names of `FEATURES`.

    Example:
        >>> from kregzoo.spatial import Image
        >>> features = image_features(Image.from_array(np.ones((30, 40))))
        >>> features["extent_mm"], features["filled_percent"], features["median"]
        (50.0, 100.0, 1.0)
    """
    low, high = foreground_box(image)
    values = image.array[image.array > FOREGROUND]
    box_voxels = np.prod(high - low) / np.prod(image.grid.spacing)
    sample = values[sample_indices(values.size, SAMPLED_VOXELS)]
    return {
        "extent_mm": float(np.linalg.norm(high - low)),
        "filled_percent": float(100 * values.size / box_voxels),
        **{name: float(np.percentile(sample, q)) for name, q in QUARTILES.items()},
    }


def feature_ranges(images):
    """Compute the range of each feature over images.

    Args:
        images: list of `Image` with intensities in [0, 1].

    Returns:
        Dict of `[lowest, highest]` by the names of `FEATURES`, rounded.
    """
    found = [image_features(image) for image in images]
    return {
        name: [float(f"{limit([f[name] for f in found]):.4g}") for limit in (min, max)]
        for name in FEATURES
    }


def unusual_features(features, ranges):
    """List the features of an image that are far outside of given ranges.

    Args:
        features: dict, see `image_features`.
        ranges: dict, see `feature_ranges`.

    Returns:
        List of str.

    Example:
        >>> unusual_features({"extent_mm": 640.0}, {"extent_mm": [250.0, 310.0]})
        ['the foreground measures 640 mm from corner to corner (250 to 310)']
    """
    texts = []
    for name, (low, high) in ranges.items():
        margin = OF_WIDTH * (high - low)
        lowest = low - margin - OF_LIMIT * low
        highest = high + margin + OF_LIMIT * high
        if not lowest <= features[name] <= highest:
            text = FEATURES[name].format(f"{features[name]:.3g}")
            texts.append(f"{text} ({low:.3g} to {high:.3g})")
    return texts
