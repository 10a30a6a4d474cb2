"""A training run of seconds, for the tests and for the process that one of them kills.

python -m tests.training.tiny FOLDER SECONDS_PER_ITEM
"""

import sys
import time

import keras
import numpy as np

from kregzoo.models import SYSTEMS, VoxelMorph
from kregzoo.spatial import Grid, Image, LabelMap
from kregzoo.training import PairDataset, Scale, checkpoints, trainers
from tests.phantoms import Phantom

STEPS_PER_EPOCH = 3
EPOCHS = 6


class SlowPairs(PairDataset):
    """Takes its time, so that a test can end the process between two steps."""

    seconds = 0.0

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return super().__getitem__(index)


def run(directory, seconds=0.0, variant="vm1", epochs=EPOCHS, labels=None):
    """Train in a folder, with the label that each image consists of if given."""
    trainers.STEPS_PER_EPOCH = STEPS_PER_EPOCH
    checkpoints.WRITE_EVERY = 0.0
    keras.utils.set_random_seed(0)
    recipe = SYSTEMS["voxelmorph"].recipe
    grid = Grid.centered((16, 16), 4.0)
    images = [Phantom(2, seed=seed).image(grid) for seed in range(3)]
    transforms = [np.eye(3)] * 3
    if labels is not None:
        labels = [
            LabelMap([Image(np.full(grid.shape, label), grid)], channels=False)
            for label in labels
        ]
    pairs = SlowPairs(
        images, transforms, grid, augmentation=recipe.data.augmentation, labels=labels
    )
    pairs.seconds = seconds
    validation = PairDataset(images[1:], transforms[1:], grid, steps_per_epoch=2)
    steps = epochs * STEPS_PER_EPOCH
    scale = Scale(4.0, (grid.shape,), steps=steps, learning_rate=1e-3)

    def build():
        return VoxelMorph((*grid.shape, 1), variant=variant)

    return recipe.trainer.fit(build, (pairs, validation), scale, directory)


if __name__ == "__main__":
    run(sys.argv[1], float(sys.argv[2]))
