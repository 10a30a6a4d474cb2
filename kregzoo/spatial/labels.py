"""Structures of an image, outlined in a file."""

import functools
import pathlib

import nibabel as nib
import numpy as np

from kregzoo.spatial.image import Image, as_labels


class LabelMap:
    """Structures of an image, as one map of integers or as binary channels.

    Args:
        images: list of `Image`: one map, or a channel a structure.
        channels: bool. Whether they are channels.
    """

    def __init__(self, images, channels):
        self.images = images
        self.channels = channels
        self.grid = images[0].grid

    @classmethod
    def read(cls, path):
        """Read a file; four axes mean channels."""
        path = pathlib.Path(path)
        if path.name.endswith((".nii", ".nii.gz")):
            file = nib.load(path)
            if len(file.shape) == 4:
                array = np.asarray(file.dataobj)
                images = [
                    Image.from_array(channel, affine=file.affine)
                    for channel in np.moveaxis(array, -1, 0)
                ]
                return cls(images, channels=True)
        return cls([as_labels(path, path.name)], channels=False)

    def labels(self):
        """The set of structures that are there."""
        if self.channels:
            return {n for n, image in enumerate(self.images) if image.array.any()}
        return {int(value) for value in np.unique(self.images[0].array)} - {0}

    def mask(self, label, box=...):
        """Where a structure is, within slices of the grid, an array of bool."""
        if self.channels:
            return self.images[label].array[box] > 0
        return self.images[0].array[box] == label

    def box(self, label):
        """Slices of the smallest box around a structure; None if it is not there."""
        label = label + 1 if self.channels else label
        return self._boxes[label - 1] if label <= len(self._boxes) else None

    @functools.cached_property
    def _boxes(self):
        # All in one pass: there may be hundreds of labels.
        from scipy import ndimage

        if self.channels:
            masks = [(image.array > 0).astype("uint8") for image in self.images]
            return [(ndimage.find_objects(mask, 1))[0] for mask in masks]
        return ndimage.find_objects(self.images[0].array.astype("int32"))

    def warp(self, transform, grid):
        """The structures through a transform, by nearest neighbour."""
        images = [transform.apply(image, grid, "nearest") for image in self.images]
        return LabelMap(images, self.channels)
