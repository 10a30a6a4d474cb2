"""Read data folders, which a `dataset.json` describes.

    {"title": ..., "licence": ..., "source": ...,
     "train": [{"image": "images/a.nii.gz", "label": "labels/a.nii.gz"}, ...],
     "eval": [{"moving": ..., "fixed": ..., "moving_label": ..., "fixed_label": ...}]}

Paths are relative to the folder. The records of a split are of one kind: single images,
where any two subjects make a pair; pairs of images; or aligned MR contrasts of one
subject (`"t1"`, `"t2"`, `"flair"`), where any two contrasts make a pair. Labels are
optional.
"""

import itertools
import json
import pathlib

from kregzoo.spatial import LabelMap, as_image

CONTRASTS = ("t1", "t2", "flair")
PATH_KEYS = {
    f"{role}{kind}" for role in ("", "moving_", "fixed_") for kind in ("image", "label")
} | {"moving", "fixed", *CONTRASTS}


def read_dataset(folder):
    """Read the `dataset.json` of a folder, and make its paths absolute.

    Args:
        folder: path of the folder.

    Returns:
        The description as a dict. Every split is a list of records whose paths are
        `pathlib.Path`.

    Raises:
        ValueError: If the file is missing or invalid, or names a file that does not
            exist or is outside of the folder.
    """
    root = pathlib.Path(folder)
    path = root / "dataset.json"
    if not path.is_file():
        raise ValueError(
            f"The data folder must hold a `dataset.json`. Received: {str(folder)!r}"
        )
    try:
        dataset = json.loads(path.read_text(encoding="utf-8"))
        splits = {k: v for k, v in dataset.items() if isinstance(v, list)}
        for name, records in splits.items():
            dataset[name] = [_absolute(dict(record), root) for record in records]
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{str(path)!r} is not a valid description of a data folder: {error}"
        ) from error
    return dataset


def load_images(records, preprocessor):
    """Read the images and labels of a split, and list the pairs.

    Args:
        records: list of records of `read_dataset`.
        preprocessor: the `Preprocessor` that normalizes the images.

    Returns:
        Tuple of the images; the label maps, or None if an image has none; and the
        `(moving, fixed)` indices if the records are pairs or contrasts, or None if the
        records are single images.

    Raises:
        ValueError: If a record lacks an image that the first record has, or an image is
            unusable.
    """
    paired = "moving" in records[0]
    keys = ("moving", "fixed") if paired else image_keys(records[0])
    for number, record in enumerate(records):
        if missing := [key for key in keys if key not in record]:
            raise ValueError(
                f"Each record of `train` must have {', '.join(keys)}, like the first "
                f"record. Received: record {number} without {', '.join(missing)}"
            )
    label_keys = ("moving_label", "fixed_label") if paired else ("label",)
    images = [
        preprocessor.normalize(as_image(record[key], str(record[key])))
        for record in records
        for key in keys
    ]
    labels = None
    if all(key in record for record in records for key in label_keys):
        labels = [LabelMap.read(record[k]) for record in records for k in label_keys]
    pairs = [(2 * i, 2 * i + 1) for i in range(len(records))] if paired else None
    if not paired and len(keys) > 1:
        firsts = range(0, len(images), len(keys))
        pairs = [
            pair
            for first in firsts
            for pair in itertools.permutations(range(first, first + len(keys)), 2)
        ]
    return images, labels, pairs


def image_keys(record):
    """List the keys of the images in a record: its contrasts, or `"image"`."""
    return tuple(key for key in CONTRASTS if key in record) or ("image",)


def _absolute(record, root):
    for key in PATH_KEYS & record.keys():
        path = (root / record[key]).resolve()
        if not path.is_relative_to(root.resolve()) or not path.is_file():
            raise ValueError(
                "every path must name an existing file in the folder. "
                f"Received: {key}={record[key]!r}"
            )
        record[key] = path
    return record
