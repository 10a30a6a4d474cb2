"""Dataset that draws random training pairs."""

import itertools

import keras
import numpy as np

from kregzoo import ops
from kregzoo.training.pose import affine_in_voxels

# One-hot labels per item. More labels cost time, fewer labels make training noisy.
LABELS_PER_ITEM = 10
# If structures are channels, the first one is drawn this many times as often as others.
FIRST_CHANNEL_WEIGHT = 2


class PairDataset(keras.utils.PyDataset):
    """Draw pairs of images, both in one random pose.

    Each item is `({"moving": ..., "fixed": ...},)`, arrays `(batch, *spatial, 1)`. With
    labels, the item also has targets `{"moving_labels": ..., "fixed_labels": ...}`,
    one-hot: `(batch, *spatial, LABELS_PER_ITEM)` of labels that all images share, or,
    if structures are channels, `(batch, *spatial, 1)` of a structure that both images
    have. With `affine_target`, the targets include `"affine"`, `(batch, D, D + 1)` in
    voxels, which maps fixed to moving. Each image is resampled only once, from its
    native voxels. Item `i` of an epoch depends only on the seed, the epoch and `i`, so
    a resumed training sees the same items as an uninterrupted training.

    Args:
        images: list of normalized `Image`.
        transforms: list of matrices `(D + 1, D + 1)`, from the common world to the
            world of each image.
        grid: the canonical `Grid` in the common world.
        pairs: list of `(moving, fixed)` indices. Defaults to all ordered pairs.
        augmentation: `Pose` of both images. Defaults to none.
        batch_size: int.
        steps_per_epoch: int.
        seed: int.
        labels: list of `LabelMap` on the grids of the images. Defaults to none.
        moving_augmentation: `Pose` applied to the moving image only.
        affine_target: bool. Return the affine of `moving_augmentation` as a target, and
            pair each image with itself if `pairs` is None.
        **kwargs: Arguments of `keras.utils.PyDataset`.
    """

    def __init__(
        self,
        images,
        transforms,
        grid,
        pairs=None,
        augmentation=None,
        batch_size=1,
        steps_per_epoch=100,
        seed=0,
        labels=None,
        moving_augmentation=None,
        affine_target=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        # Pad to one shape, so that the resampling is compiled only once.
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
            # If the images share no labels, train without labels.
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
        self.augmentation = augmentation
        self.moving_augmentation = moving_augmentation
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
        """Draw one pair and the labels of both, each `(*spatial, channels)`."""
        indices = self.pairs[rng.integers(len(self.pairs))]
        world = np.eye(self.grid.ndim + 1)
        if self.augmentation is not None:
            world = self.augmentation.draw(rng, self.grid.center)
        item = {}
        labels = self._choose(rng, indices) if self.labels else None
        moved = np.eye(self.grid.ndim + 1)
        if self.moving_augmentation is not None:
            moved = self.moving_augmentation.draw(rng, self.grid.center)
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
        """Choose the labels to return for a pair."""
        labels = sorted(set.intersection(*(self.labels[index] for index in indices)))
        if not self.channels:
            return rng.choice(labels, min(LABELS_PER_ITEM, len(labels)), replace=False)
        weights = [1 if label else FIRST_CHANNEL_WEIGHT for label in labels]
        return rng.choice(labels, 1, p=np.array(weights) / sum(weights))

    def _masks(self, index, labels, coordinates):
        """Sample the masks of some labels of an image, `(*spatial, number)`."""
        if self.channels:
            (number,) = labels
            mask = self.label_maps[index][number] > 0
            return _sampled(mask, coordinates, "nearest").astype("uint8")
        found = _sampled(self.label_maps[index][0], coordinates, "nearest")
        return (found == labels).astype("uint8")


def _sampled(array, coordinates, interpolation):
    values = ops.sample(array, coordinates[None], interpolation, fill="zeros")
    return keras.ops.convert_to_numpy(values)[0]


def _padded(array, shape):
    padding = [(0, n - have) for n, have in zip(shape, array.shape, strict=True)]
    # Convert to a tensor now. Otherwise each item would copy the image to the device.
    return keras.ops.convert_to_tensor(np.pad(array, padding)[None, ..., None])
