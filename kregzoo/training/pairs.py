"""Pairs of images to train on, read from a folder that a `dataset.json` describes.

    {"title": ..., "licence": ..., "source": ...,
     "train": [{"image": "images/a.nii.gz", "label": "labels/a.nii.gz"}, ...],
     "eval": [{"moving": ..., "fixed": ..., "moving_label": ..., "fixed_label": ...}]}

Paths are relative to the folder. A split holds single images, of which any two persons
make a pair, or pairs, or the contrasts of a person's MR, aligned to each other
(`"t1"`, `"t2"`, `"flair"`), of which any two make one. Labels are optional.
"""

import itertools
import json
import pathlib

import keras
import numpy as np

from kregzoo import ops
from kregzoo.spatial import LabelMap, as_image

CONTRASTS = ("t1", "t2", "flair")
PATH_KEYS = {
    f"{role}{kind}" for role in ("", "moving_", "fixed_") for kind in ("image", "label")
} | {"moving", "fixed", *CONTRASTS}

# One-hot labels in a training step: more of them cost time, fewer make it noisy.
LABELS_PER_ITEM = 10
# Of structures in channels one is drawn, the first so many times as often as another.
FIRST_CHANNEL_WEIGHT = 2


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


class PairDataset(keras.utils.PyDataset):
    """Draws pairs of images in a random common pose.

    Each item is `({"moving": ..., "fixed": ...},)`, arrays `(batch, *spatial, 1)`, and
    with labels also `{"moving_labels": ..., "fixed_labels": ...}`, one-hot `(batch,
    *spatial, LABELS_PER_ITEM)` of labels drawn from those that all images share, or, of
    structures in channels, `(batch, *spatial, 1)` of one that both images have; with
    `affine_target` `{"affine": ...}`, `(batch, D, D + 1)` in voxels, which maps fixed
    to moving. Images are resampled once, from their own voxels, through affine and
    pose. Item `i` of an epoch depends on the seed, the epoch and `i` alone, so that
    training resumed at an epoch sees what it would have seen.

    Args:
        images: list of normalised `Image`.
        labels: list of `LabelMap` on the same grids; None for none.
        transforms: list of matrices `(D + 1, D + 1)`, from the common world to each
            image's own.
        grid: the canonical `Grid` in the common world.
        pairs: list of `(moving, fixed)` indices; None for all ordered pairs.
        pose: the `Pose` to draw from; None for none.
        moving_pose: the `Pose` that the moving image is drawn in beside that.
        affine_target: bool. Give the affine of `moving_pose` with each pair, and pair
            images with themselves if there are no `pairs`.
        batch_size: int.
        steps_per_epoch: int.
        seed: int.
        **kwargs: of `keras.utils.PyDataset`.
    """

    def __init__(
        self,
        images,
        transforms,
        grid,
        pairs=None,
        pose=None,
        batch_size=1,
        steps_per_epoch=100,
        seed=0,
        labels=None,
        moving_pose=None,
        affine_target=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        # One shape for all, so that one compiled resampling serves them.
        shape = np.max([image.grid.shape for image in images], axis=0)
        self.arrays = [_padded(image.array, shape) for image in images]
        self.labels = labels and [found.labels() for found in labels]
        self.channels = bool(labels) and labels[0].channels
        self.label_maps = labels and [
            [_padded(image.array.astype("int32"), shape) for image in found.images]
            for found in labels
        ]
        if labels and not self.channels:
            self.labels = [set.intersection(*self.labels)] * len(images)
            # Without any in common the images are all there is.
            self.labels = self.labels if self.labels[0] else None
        self.to_voxels = [
            np.linalg.inv(image.grid.affine) @ matrix
            for image, matrix in zip(images, transforms, strict=True)
        ]
        self.grid = grid
        if pairs is None:
            every = range(len(images))
            pairs = itertools.permutations(every, 2)
            pairs = zip(every, every, strict=True) if affine_target else pairs
        self.pairs = list(pairs)
        self.affine_target = affine_target
        self.pose = pose
        self.moving_pose = moving_pose
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self.seed = seed
        self.epoch = 0

    def __len__(self):
        return self.steps_per_epoch

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, self.epoch, index))
        items = [self._draw(rng) for _ in range(self.batch_size)]
        stacked = {name: np.stack([item[name] for item in items]) for name in items[0]}
        images = {name: stacked.pop(name) for name in ("moving", "fixed")}
        return (images, stacked) if stacked else (images,)

    def on_epoch_end(self):
        self.epoch += 1

    def _draw(self, rng):
        """One pair, and the labels of both, each `(*spatial, channels)`."""
        indices = self.pairs[rng.integers(len(self.pairs))]
        world = np.eye(self.grid.ndim + 1)
        if self.pose is not None:
            world = self.pose.draw(rng, self.grid.centre)
        item = {}
        labels = self._choose(rng, indices) if self.labels else None
        moved = np.eye(self.grid.ndim + 1)
        if self.moving_pose is not None:
            moved = self.moving_pose.draw(rng, self.grid.centre)
        if self.affine_target:
            item["affine"] = affine_in_voxels(np.linalg.inv(moved), self.grid)
        worlds = world @ moved, world
        for role, index, own in zip(("moving", "fixed"), indices, worlds, strict=True):
            affine = np.linalg.inv(self.to_voxels[index] @ own)
            coordinates = self.grid.coordinates_in(affine)
            item[role] = _sampled(self.arrays[index], coordinates, "linear")
            if self.labels:
                item[f"{role}_labels"] = self._masks(index, labels, coordinates)
        return item

    def _choose(self, rng, indices):
        """Labels to draw of a pair."""
        labels = sorted(set.intersection(*(self.labels[index] for index in indices)))
        if not self.channels:
            return rng.choice(labels, min(LABELS_PER_ITEM, len(labels)), replace=False)
        weights = [1 if label else FIRST_CHANNEL_WEIGHT for label in labels]
        return rng.choice(labels, 1, p=np.array(weights) / sum(weights))

    def _masks(self, index, labels, coordinates):
        """Where labels of an image are, `(*spatial, number)`."""
        if self.channels:
            (number,) = labels
            mask = self.label_maps[index][number] > 0
            return _sampled(mask, coordinates, "nearest").astype("uint8")
        found = _sampled(self.label_maps[index][0], coordinates, "nearest")
        return (found == labels).astype("uint8")


class Pose:
    """Random affine about a centre, the same for both images of a pair.

    Args:
        rotation: float. Standard deviation in degrees about each axis.
        scale: float. Standard deviation of each axis' log-scale.
        shift: float. Standard deviation in mm along each axis.
        flip: bool. Mirror left and right in half of the draws.
        shear: float. Standard deviation of each entry above the diagonal of a unit
            upper triangular matrix.
        uniform: bool. Draw uniformly between plus and minus the values above.
        even: bool. Shrink each draw by a factor drawn evenly from 0 to 1, so that there
            are as many small ones as large ones.
    """

    def __init__(
        self,
        rotation=0.0,
        scale=0.0,
        shift=0.0,
        flip=False,
        shear=0.0,
        uniform=False,
        even=False,
    ):
        self.rotation = rotation
        self.scale = scale
        self.shear = shear
        self.shift = shift
        self.flip = flip
        self.uniform = uniform
        self.even = even

    def draw(self, rng, centre):
        """Draw a matrix `(D + 1, D + 1)` in world mm."""
        return self._drawn(rng, centre, rng.random() if self.even else 1.0)

    def _drawn(self, rng, centre, share):
        from scipy.spatial.transform import Rotation

        ndim = len(centre)
        angles = np.zeros(3)
        # In the plane the only turn is about the third axis.
        turns = slice(2, None) if ndim == 2 else slice(None)
        angles[turns] = self._random(rng, share * self.rotation, angles[turns].size)
        linear = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        linear = linear[:ndim, :ndim] @ np.diag(
            np.exp(self._random(rng, share * self.scale, ndim))
        )
        if self.shear:
            entries = np.triu(self._random(rng, share * self.shear, (ndim, ndim)), 1)
            linear = linear @ (np.eye(ndim) + entries)
        if self.flip and rng.random() < 0.5:
            linear = linear @ np.diag([-1.0] + [1.0] * (ndim - 1))
        matrix = np.eye(ndim + 1)
        matrix[:-1, :-1] = linear
        shift = self._random(rng, share * self.shift, ndim)
        matrix[:-1, -1] = centre + shift - linear @ centre
        return matrix

    def _random(self, rng, width, shape):
        if self.uniform:
            return rng.uniform(-width, width, shape)
        return rng.normal(0, width, shape)


def affine_in_voxels(matrix, grid):
    """A world matrix as `(D, D + 1)` in voxels about a grid's centre."""
    voxels = np.linalg.inv(grid.affine) @ matrix @ grid.affine
    centre = (np.array(grid.shape) - 1) / 2
    shift = voxels[:-1, -1] + voxels[:-1, :-1] @ centre - centre
    return np.column_stack([voxels[:-1, :-1], shift]).astype("float32")


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


def _sampled(array, coordinates, interpolation):
    values = ops.sample(array, coordinates[None], interpolation, fill="zeros")
    return keras.ops.convert_to_numpy(values)[0]


def _padded(array, shape):
    padding = [(0, n - have) for n, have in zip(shape, array.shape, strict=True)]
    # A tensor at once, or each item would copy the whole image to the device.
    return keras.ops.convert_to_tensor(np.pad(array, padding)[None, ..., None])
