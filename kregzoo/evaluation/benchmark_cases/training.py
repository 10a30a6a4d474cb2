"""Training with randomly drawn pairs, compared with the bare training step."""

import keras
import numpy as np

from kregzoo.evaluation.benchmark_cases.benchmark_case import Benchmark, Implementation
from kregzoo.evaluation.benchmark_cases.networks import network
from kregzoo.losses import LNCC, Dice, Gradient
from kregzoo.spatial import Grid, Image, LabelMap
from kregzoo.training import PairDataset, Pose

# Steps per measurement. The fixed cost of `fit` is spread over them, as in an epoch.
STEPS = 20
# Voxels of an image per voxel of the network, along each axis, as of brains at 1 mm.
FINER = 2
LABELS = 40


def drawn_steps(size):
    """Define the benchmark of training as `kregzoo train` does it within an epoch.

    Ours draws a new pair with labels for each step. The other implementation takes the
    same steps on one batch.

    Args:
        size: tuple of three ints divisible by 16.

    Returns:
        A `Benchmark`.
    """
    return Benchmark(
        f"{STEPS} steps of kregzoo train",
        Implementation("kregzoo", lambda: _fitting(size)),
        (Implementation("bare steps", lambda: _bare(size)),),
        size,
    )


def _fitting(size):
    """Make the callable that fits a network to drawn pairs."""
    pairs, model = _pairs(size), _compiled(size)
    return lambda: model.fit(pairs, shuffle=False, verbose=0)


def _bare(size):
    """Make the callable that trains on one batch again and again."""
    x, y = _pairs(size)[0]
    model = _compiled(size)

    def train():
        for _ in range(STEPS):
            model.train_on_batch(x, y)

    return train


def _compiled(size):
    model = network(size, half=True)
    model.compile(
        keras.optimizers.Adam(1e-4),
        loss={"warped": LNCC(), "displacement": Gradient(), "warped_labels": Dice()},
    )
    return model


def _pairs(size):
    """Make a dataset of noise with labels, of more and smaller voxels than `size`."""
    rng = np.random.default_rng(0)
    grid = Grid.centered(tuple(FINER * n for n in size), 1.0)
    images = [Image(rng.random(grid.shape, "float32"), grid) for _ in range(2)]
    maps = [rng.integers(LABELS, size=grid.shape, dtype="uint8") for _ in images]
    labels = [LabelMap([Image(found, grid)], channels=False) for found in maps]
    return PairDataset(
        images,
        [np.eye(4)] * 2,
        Grid.centered(size, float(FINER)),
        augmentation=Pose(rotation=3.0, scale=0.03, shift=1.0, flip=True),
        labels=labels,
        steps_per_epoch=STEPS,
    )
