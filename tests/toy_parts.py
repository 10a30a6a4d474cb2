"""Parts that the toy systems share: data, metric, protocol, layers."""

import dataclasses

import keras
import numpy as np
from keras import layers

from kregzoo.metrics.registry import Metric
from kregzoo.protocols import Case, Protocol, rows_of
from kregzoo.registrars import (
    RegistersPair,
)
from kregzoo.training import (
    Images,
    Recipe,
    Scale,
    System,
    load_images,
    read_dataset,
)

SIZE = 16
IMAGES = Images("phantom", "phantom", "blobs")


def make_scale(shape=(SIZE, SIZE), steps=4):
    return Scale(
        spacing=4.0, shapes=(shape,), steps=steps, learning_rate=1e-3, divisor=None
    )


def make_system(
    name,
    builder,
    predicts,
    data,
    trainer,
    task=None,
    shape=(SIZE, SIZE),
    protocols=(),
):
    recipe = Recipe(data, trainer, {"cpu": make_scale(shape)}, images=IMAGES)
    return System(
        name=name,
        builder=builder,
        chapter="6",
        reference="Nobody [0]",
        predicts=predicts,
        recipes={"phantoms": recipe},
        task=task or RegistersPair(),
        protocols=protocols,
    )


@dataclasses.dataclass(frozen=True)
class KnownCase(Case):
    """Images and a function that measures an answer."""

    name: str
    images: tuple
    judge: object

    def run(self, method, folder):
        return method.run(*self.images, folder)

    def measure(self, answer):
        return rows_of({METRIC.name: self.judge(answer)})


METRIC = Metric(
    "toy_gap",
    "gap",
    "Distance from what is right.",
    better="lower",
    digits=2,
    priority=3,
    interval=True,
)


def make_protocol(name, verb, make_cases):
    return Protocol(name, make_cases, f"as {name}", verb=verb)


def eval_images(data):
    records = read_dataset(data)["eval"]
    return [(record["moving"], record["fixed"]) for record in records]


def pair_of(shape):
    return {name: keras.Input(shape, name=name) for name in ("moving", "fixed")}


def convolved(inputs, channels, name, **options):
    x = layers.Concatenate()(list(inputs))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    return layers.Conv2D(channels, 3, padding="same", name=name, **options)(x)


class Shifted(keras.utils.PyDataset):
    """Pairs of an image and the same image shifted by a random number of voxels."""

    batch_size = 2
    epoch = 0

    def __init__(self, arrays, grid, make_item):
        super().__init__()
        self.arrays, self.grid, self.make_item = arrays, grid, make_item
        self.steps_per_epoch = 2

    def __len__(self):
        return self.steps_per_epoch

    def __getitem__(self, index):
        rng = np.random.default_rng((self.epoch, index))
        drawn = self.arrays[rng.integers(len(self.arrays), size=self.batch_size)]
        shifts = rng.integers(-3, 4, self.batch_size)
        moved = [np.roll(a, s, axis=0) for a, s in zip(drawn, shifts, strict=True)]
        return self.make_item(np.stack(moved), drawn, shifts)

    def on_epoch_end(self):
        self.epoch += 1


@dataclasses.dataclass(frozen=True)
class ShiftedImages:
    """Data strategy of `Shifted`."""

    make_item: object

    def build(self, records, frame, scale, seed=0, folder=None):
        images, _, _ = load_images(records, frame)
        grid = frame.canonical_grid(images[0])
        arrays = np.stack([image.resample(grid).array for image in images])[..., None]
        return tuple(Shifted(arrays, grid, self.make_item) for _ in range(2))
