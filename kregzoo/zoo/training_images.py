"""Features of the images that a preset was trained on."""

import dataclasses

from kregzoo.presets.preset import find_preset
from kregzoo.spatial.image_features import feature_ranges
from kregzoo.training import read_dataset
from kregzoo.training.dataset import image_keys, load_images
from kregzoo.zoo.cards import card

# Records from which the ranges are computed, evenly spaced.
RECORDS = 60


def training_features(records, preprocessor):
    """Compute the ranges of the features of training images.

    Args:
        records: list of records of `read_dataset`.
        preprocessor: the `Preprocessor` that normalizes the images.

    Returns:
        Dict of the ranges of the `"moving"` and the `"fixed"` images, see
        `kregzoo.spatial.image_features.feature_ranges`. None if the records have no
        images.
    """
    paired = "moving" in records[0]
    keys = ("moving", "fixed") if paired else image_keys(records[0])
    if not all(key in records[0] for key in keys):
        return None
    chosen = records[:: -(-len(records) // RECORDS)]
    only_images = [{key: record[key] for key in keys} for record in chosen]
    images, _, _ = load_images(only_images, preprocessor)
    if paired:
        return {
            "moving": feature_ranges(images[0::2]),
            "fixed": feature_ranges(images[1::2]),
        }
    ranges = feature_ranges(images)
    return {"moving": ranges, "fixed": ranges}


def record_training_features(name, data):
    """Write the features of the training images into the metadata of a preset.

    `kregzoo.zoo.train` does this for new presets.

    Args:
        name: str. The preset, see `kregzoo.load`.
        data: the folder of its training data.
    """
    preset = find_preset(name)
    features = training_features(read_dataset(data)["train"], preset.preprocessor)
    metadata = {**preset.metadata, "features": features}
    preset = dataclasses.replace(preset, metadata=metadata)
    preset.write_metadata(card(preset))
