"""Read data folders, which a `dataset.json` describes.

    {"title": ..., "licence": ..., "source": ...,
     "train": [{"image": "images/a.nii.gz", "label": "labels/a.nii.gz"}, ...],
     "eval": [{"moving": ..., "fixed": ..., "moving_label": ..., "fixed_label": ...}]}

Paths are relative to the folder. The records of a split are of one kind: single images,
where any two subjects make a pair; pairs of images; or aligned MR contrasts of one
subject (`"t1"`, `"t2"`, `"flair"`), where any two contrasts make a pair. Labels are
optional. A record may name its `"person"`, for intervals and validation over persons,
and its `"group"`, for results by group.
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


def split_records(records, held_out):
    """Choose the records to hold out, and put them last.

    If the records name persons, whole persons are held out, evenly spaced in the list,
    so that both parts hold all groups of a sorted list. Otherwise the last records are
    held out.

    Args:
        records: list of records of `read_dataset`.
        held_out: int. Number of records to hold out, or a few more to hold out persons
            whole.

    Returns:
        The list of records, and the number of records that are not held out.

    Raises:
        ValueError: If fewer than two records or one person would be left.

    Example:
        >>> records = [{"image": n, "person": n // 2} for n in range(6)]
        >>> records, kept = split_records(records, 1)
        >>> [record["person"] for record in records], kept
        ([0, 0, 2, 2, 1, 1], 4)
    """
    if len(records) < held_out + 2:
        raise ValueError(
            f"`data` must have {held_out + 2} or more records to train on. "
            f"Received: {len(records)}"
        )
    if not held_out or any("person" not in record for record in records):
        return list(records), len(records) - held_out
    persons = list(dict.fromkeys(record["person"] for record in records))
    for count in range(1, len(persons)):
        chosen = {persons[int((n + 0.5) * len(persons) / count)] for n in range(count)}
        last = [record for record in records if record["person"] in chosen]
        if len(last) >= held_out:
            first = [record for record in records if record["person"] not in chosen]
            return first + last, len(first)
    raise ValueError(
        "`data` must have records of more persons, because whole persons are held out. "
        f"Received: {len(persons)} persons"
    )


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
