"""Reading a data folder, which a `dataset.json` describes.

    {"title": ..., "licence": ..., "source": ...,
     "train": [{"image": "images/a.nii.gz", "label": "labels/a.nii.gz"}, ...],
     "eval": [{"moving": ..., "fixed": ..., "moving_label": ..., "fixed_label": ...}]}

Paths are relative to the folder. The records of a split are single images, of which any
two subjects make a pair; or pairs; or the contrasts of one subject's MR (`"t1"`,
`"t2"`, `"flair"`), aligned to each other, of which any two make a pair. Labels are
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
    """Read a folder's `dataset.json`, its paths made absolute.

    Args:
        folder: path of the folder.

    Returns:
        The description as a dict; every split a list of records whose paths are
        `pathlib.Path`.

    Raises:
        ValueError: when the file is missing or not valid, or names a file outside the
            folder or one that does not exist.
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
        raise ValueError(f"{str(path)!r} is no valid description: {error}") from error
    return dataset


def load_images(records, preprocessor):
    """Read the images and labels of a split, and list its pairs.

    Args:
        records: list of records of `read_dataset`.
        preprocessor: the `Preprocessor` that normalises the images.

    Returns:
        Images; label maps, or None when not all images have one; and the
        `(moving, fixed)` indices when the records are pairs or contrasts, or None when
        they are single images.

    Raises:
        ValueError: for a record without an image that others have, or an image that is
            not usable.
    """
    paired = "moving" in records[0]
    keys = ("moving", "fixed") if paired else image_keys(records[0])
    for number, record in enumerate(records):
        if missing := [key for key in keys if key not in record]:
            raise ValueError(
                f"Each record of `train` must have {', '.join(keys)}, as the first one "
                f"has. Received: record {number} without {', '.join(missing)}"
            )
    label_keys = ("moving_label", "fixed_label") if paired else ("label",)
    images = [
        preprocessor.normalise(as_image(record[key], str(record[key])))
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
    """Keys of a person's images: of the contrasts, or of the only one."""
    return tuple(key for key in CONTRASTS if key in record) or ("image",)


def _absolute(record, root):
    for key in PATH_KEYS & record.keys():
        path = (root / record[key]).resolve()
        if not path.is_relative_to(root.resolve()) or not path.is_file():
            raise ValueError(
                f"it names a file not in its folder. Received: {key}={record[key]!r}"
            )
        record[key] = path
    return record
