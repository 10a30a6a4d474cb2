"""Pairs of images to train on, read from a folder that a `dataset.json` describes.

    {"title": ..., "licence": ..., "source": ...,
     "train": [{"image": "images/a.nii.gz", "label": "labels/a.nii.gz"}, ...],
     "eval": [{"moving": ..., "fixed": ..., "moving_label": ..., "fixed_label": ...}]}

Paths are relative to the folder. A split holds single images, of which any two persons
make a pair, or pairs. Labels are optional.
"""

import itertools
import json
import pathlib

import keras
import numpy as np

from kregzoo import ops
from kregzoo.spatial import Image

PATH_KEYS = {
    f"{role}{kind}" for role in ("", "moving_", "fixed_") for kind in ("image", "label")
} | {"moving", "fixed"}

# One-hot labels in a training step: more of them cost time, fewer make it noisy.
LABELS_PER_ITEM = 10


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
        dataset = json.loads(path.read_text())
        splits = {k: v for k, v in dataset.items() if isinstance(v, list)}
        for name, records in splits.items():
            dataset[name] = [_absolute(dict(record), root) for record in records]
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{str(path)!r} is no valid description: {error}") from error
    return dataset


class PairDataset(keras.utils.PyDataset):
    """Draws pairs of affinely aligned images in a random common pose.

    Each item is `({"moving": ..., "fixed": ...},)`, arrays `(batch, *spatial, 1)`, and
    with labels also `{"moving_labels": ..., "fixed_labels": ...}`, one-hot
    `(batch, *spatial, LABELS_PER_ITEM)` of labels drawn from those that all images
    share. Images are resampled once, from their own voxels, through affine and pose.
    Item `i` of an epoch depends on the seed, the epoch and `i` alone, so that training
    resumed at an epoch sees what it would have seen.

    Args:
        images: list of normalised `Image`.
        labels: list of label `Image` on the same grids; None for none.
        transforms: list of matrices `(D + 1, D + 1)`, from the common world to each
            image's own.
        grid: the canonical `Grid` in the common world.
        pairs: list of `(moving, fixed)` indices; None for all ordered pairs.
        pose: the `Pose` to draw from; None for none.
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
        **kwargs,
    ):
        super().__init__(**kwargs)
        # One shape for all, so that one compiled resampling serves them.
        shape = np.max([image.grid.shape for image in images], axis=0)
        self.arrays = [_padded(image.array, shape) for image in images]
        self.label_maps = self.labels = None
        if labels is not None:
            common = set.intersection(*(set(np.unique(m.array)) for m in labels))
            self.labels = sorted(common - {0})
            self.label_maps = [_padded(m.array.astype("int32"), shape) for m in labels]
        self.to_voxels = [
            np.linalg.inv(image.grid.affine) @ matrix
            for image, matrix in zip(images, transforms, strict=True)
        ]
        self.grid = grid
        self.pairs = pairs or list(itertools.permutations(range(len(images)), 2))
        self.pose = pose
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
        for role, index in zip(("moving", "fixed"), indices, strict=True):
            affine = np.linalg.inv(self.to_voxels[index] @ world)
            coordinates = self.grid.coordinates_in(affine)
            item[role] = _sampled(self.arrays[index], coordinates, "linear")
            if self.labels:
                item[f"{role}_labels"] = _sampled(
                    self.label_maps[index], coordinates, "nearest"
                )
        if self.labels:
            count = min(LABELS_PER_ITEM, len(self.labels))
            chosen = rng.choice(self.labels, count, replace=False)
            for name in ("moving_labels", "fixed_labels"):
                item[name] = (item[name] == chosen).astype("uint8")
        return item


class Pose:
    """Random affine about a centre, the same for both images of a pair.

    Args:
        rotation: float. Standard deviation in degrees about each axis.
        scale: float. Standard deviation of each axis' log-scale.
        shift: float. Standard deviation in mm along each axis.
        flip: bool. Mirror left and right in half of the draws.
    """

    def __init__(self, rotation=0.0, scale=0.0, shift=0.0, flip=False):
        self.rotation = rotation
        self.scale = scale
        self.shift = shift
        self.flip = flip

    def draw(self, rng, centre):
        """Draw a matrix `(D + 1, D + 1)` in world mm."""
        from scipy.spatial.transform import Rotation

        ndim = len(centre)
        angles = np.zeros(3)
        # In the plane the only turn is about the third axis.
        turns = slice(2, None) if ndim == 2 else slice(None)
        angles[turns] = rng.normal(0, self.rotation, angles[turns].size)
        linear = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        linear = linear[:ndim, :ndim] @ np.diag(np.exp(rng.normal(0, self.scale, ndim)))
        if self.flip and rng.random() < 0.5:
            linear = linear @ np.diag([-1.0] + [1.0] * (ndim - 1))
        matrix = np.eye(ndim + 1)
        matrix[:-1, :-1] = linear
        matrix[:-1, -1] = centre + rng.normal(0, self.shift, ndim) - linear @ centre
        return matrix


def load_images(records, preprocessor):
    """Read the images and labels of a split, and list its pairs.

    Args:
        records: list of records of `read_dataset`.
        preprocessor: the `Preprocessor` that normalises the images.

    Returns:
        Images; label maps, or None when not all images have one; and the
        `(moving, fixed)` indices when the records are pairs, or None when they are
        single images.
    """
    paired = "moving" in records[0]
    keys = ("moving", "fixed") if paired else ("image",)
    label_keys = ("moving_label", "fixed_label") if paired else ("label",)
    images = [
        preprocessor.normalise(Image.read(record[key]))
        for record in records
        for key in keys
    ]
    labels = None
    if all(key in record for record in records for key in label_keys):
        labels = [Image.read(record[key]) for record in records for key in label_keys]
    pairs = [(2 * i, 2 * i + 1) for i in range(len(records))] if paired else None
    return images, labels, pairs


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
