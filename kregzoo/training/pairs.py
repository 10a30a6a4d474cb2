"""Dataset that draws random training pairs."""

import functools
import itertools

import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.training.pose import about_center, affine_in_voxels
from kregzoo.training.random_dataset import RandomDataset

# One-hot labels per item. More labels cost time, fewer labels make training noisy.
LABELS_PER_ITEM = 10
# If structures are channels, the first one is drawn this many times as often as others.
FIRST_CHANNEL_WEIGHT = 2


class PairDataset(RandomDataset):
    """Draw pairs of images, both in one random pose.

    Each item is `({"moving": ..., "fixed": ...},)`, tensors `(batch, *spatial, 1)`.
    With labels, the item also has targets `{"moving_labels": ..., "fixed_labels":
    ...}`, one-hot: `(batch, *spatial, LABELS_PER_ITEM)` of labels that all images
    share, or, if structures are channels, `(batch, *spatial, 1)` of a structure that
    both images have. With `affine_target`, the targets include `"affine"`,
    `(batch, D, D + 1)` in voxels, which maps fixed to moving. Each image is resampled
    only once, from its native voxels.

    The images and label maps stay on the accelerator, if there is one. A compiled
    function resamples them there, from a few numbers drawn on the host, and no image
    returns to the host.

    Args:
        images: list of normalized `Image`.
        transforms: list of matrices `(D + 1, D + 1)`, from the common world to the
            world of each image.
        grid: the canonical `Grid` in the common world.
        pairs: list of `(moving, fixed)` indices. Defaults to all ordered pairs.
        augmentation: `Pose` of both images. Defaults to none.
        labels: list of `LabelMap` on the grids of the images. Defaults to none.
        moving_augmentation: `Pose` applied to the moving image only.
        affine_target: bool. Return the affine of `moving_augmentation` as a target, and
            pair each image with itself if `pairs` is None.
        in_order: bool. Return the pairs in order instead of at random.
        **kwargs: Arguments of `RandomDataset`.
    """

    def __init__(
        self,
        images,
        transforms,
        grid,
        pairs=None,
        augmentation=None,
        labels=None,
        moving_augmentation=None,
        affine_target=False,
        in_order=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        # Pad to one shape, so that the resampling is compiled only once.
        shape = np.max([image.grid.shape for image in images], axis=0)
        self.images = [_on_device(image.array, shape) for image in images]
        self.labels = labels and [found.labels() for found in labels]
        self.channels = bool(labels) and labels[0].channels
        if labels and not self.channels:
            self.labels = [set.intersection(*self.labels)] * len(images)
            # If the images share no labels, train without labels.
            self.labels = self.labels if self.labels[0] else None
        self.label_maps = self.labels and [
            [_on_device(_compact(image.array), shape) for image in found.images]
            for found in labels
        ]
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
        self.in_order = in_order
        self._resample = _resampler(grid.shape, self.channels)

    def draw(self, rng, index):
        """Draw a batch; see `RandomDataset`."""
        first = index * self.batch_size
        pairs = [self._draw_pair(rng, first + n) for n in range(self.batch_size)]
        stacked = {
            name: _concatenated([pair[name] for pair in pairs]) for name in pairs[0]
        }
        images = {role: stacked.pop(role) for role in ("moving", "fixed")}
        return (images, stacked) if stacked else (images,)

    def _draw_pair(self, rng, place):
        """Draw a pair and its targets, each with a batch axis of size 1."""
        indices = self.pairs[place % len(self.pairs)]
        if not self.in_order:
            indices = self.pairs[rng.integers(len(self.pairs))]
        world = moved = np.eye(self.grid.ndim + 1)
        if self.augmentation is not None:
            world = self.augmentation.draw(rng, self.grid.center)
        labels = self._choose(rng, indices) if self.labels else None
        if self.moving_augmentation is not None:
            moved = self.moving_augmentation.draw(rng, self.grid.center)
        item = {}
        if self.affine_target:
            item["affine"] = affine_in_voxels(np.linalg.inv(moved), self.grid)[None]
        worlds = world @ moved, world
        for role, index, own in zip(("moving", "fixed"), indices, worlds, strict=True):
            affine = self.to_voxels[index] @ own @ self.grid.affine
            affine = about_center(affine, self.grid)[None]
            if labels is None:
                item[role] = self._resample(affine, self.images[index])
                continue
            channel = labels[0] if self.channels else 0
            item[role], item[f"{role}_labels"] = self._resample(
                affine,
                self.images[index],
                self.label_maps[index][channel],
                labels.astype("int32"),
            )
        return item

    def _choose(self, rng, indices):
        """Choose the labels to return for a pair."""
        labels = sorted(set.intersection(*(self.labels[index] for index in indices)))
        if not self.channels:
            return rng.choice(labels, min(LABELS_PER_ITEM, len(labels)), replace=False)
        weights = [1 if label else FIRST_CHANNEL_WEIGHT for label in labels]
        return rng.choice(labels, 1, p=np.array(weights) / sum(weights))


@functools.lru_cache(maxsize=8)
def _resampler(shape, channels):
    """Compile the function that resamples an image and the masks of its labels.

    It is shared by the datasets of a grid, so that it is compiled only once.
    """

    def resample(affine, image, label_map=None, labels=None):
        points = ops.affine_grid(affine, shape)
        values = ops.sample(image, points, fill="zeros")
        if labels is None:
            return values
        found = ops.sample(label_map, points, "nearest", fill="zeros")
        masks = found > 0 if channels else kops.cast(found, "int32") == labels
        return values, kops.cast(masks, "uint8")

    return ops.compiled(resample, fuse=True)


def _concatenated(parts):
    return parts[0] if len(parts) == 1 else kops.concatenate(parts)


def _compact(labels):
    """Convert labels to bytes if possible, which take a quarter of the memory."""
    return labels.astype("uint8" if labels.max(initial=0) < 256 else "int32")


def _on_device(array, shape):
    padding = [(0, n - have) for n, have in zip(shape, array.shape, strict=True)]
    # Convert to a tensor now. Otherwise each item would copy the image to the device.
    return kops.convert_to_tensor(np.pad(array, padding)[None, ..., None])
