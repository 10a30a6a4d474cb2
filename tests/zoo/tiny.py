"""Data folders of phantoms, and recipes that train for seconds."""

import contextlib
import dataclasses
import json

import numpy as np
import pytest

from kregzoo.models import SYSTEMS
from kregzoo.spatial import Image
from kregzoo.training import Scale, Trained, trainers
from tests.phantoms import Phantom, linear_map, rotated_grid

SCALE = Scale(
    spacing=4.0,
    shapes=((16, 16, 16), (32, 32, 32)),
    steps=10,
    learning_rate=1e-3,
    model={"variant": "vm1", "half_resolution": True},
)


def write_data(folder, paired=False, count=5, labeled=False):
    """A data folder of phantoms, each in a pose of its own."""
    records = []
    for number in range(count):
        record = {}
        for role in ("moving", "fixed") if paired else ("image",):
            phantom = Phantom(3, radius=22.0, seed=number % 2)
            grid = rotated_grid((20, 22, 24), 3.6, 4.0 * number)
            pose = linear_map(3, degrees=3.0 * number, shift=2.0 * number)
            # As in many data sets, the folder alone tells the persons apart.
            path = folder / f"person{number}" / role / "scan.nii.gz"
            path.parent.mkdir(parents=True)
            image = phantom.image(grid, pose)
            image.write(path)
            record[role] = str(path.relative_to(folder))
            if labeled:
                labels = np.digitize(image.array, (0.3, 0.8)).astype("uint8")
                Image(labels, grid).write(path.with_name("label.nii.gz"))
                label = path.with_name("label.nii.gz").relative_to(folder)
                record["label"] = str(label)
        records.append(record)
    about = {"title": "Phantoms", "licence": "CC0", "source": "made here"}
    (folder / "dataset.json").write_text(json.dumps({**about, "train": records}))
    return folder


def write_slices(folder, count=8):
    """Single 2-D images, a hundred pixels wide."""
    records = []
    folder.mkdir()
    for number in range(count):
        turned = linear_map(2, degrees=1.0 * number, shift=0.5 * number)
        grid = rotated_grid((100, 100), 1.0, 0.0)
        image = Phantom(2, radius=40.0).image(grid, turned)
        image.write(folder / f"{number}.nii.gz")
        records.append({"image": f"{number}.nii.gz"})
    about = {"title": "Slices", "licence": "CC0", "source": "made here"}
    (folder / "dataset.json").write_text(json.dumps({**about, "train": records}))
    return folder


def write_contrasts(folder, count=3):
    """Persons in poses of their own, each seen twice in the same place."""
    records = []
    for number in range(count):
        image = Phantom(3, radius=22.0, seed=number).image(
            rotated_grid((20, 22, 24), 3.6, 4.0 * number)
        )
        (folder / str(number)).mkdir(parents=True)
        record = {key: f"{number}/{key}.nii.gz" for key in ("t1", "t2")}
        image.write(folder / record["t1"])
        inverse = np.where(image.array > 0.05, 1.3 - image.array, 0.0)
        Image(inverse.astype("float32"), image.grid).write(folder / record["t2"])
        records.append(record)
    about = {"title": "Contrasts", "licence": "CC0", "source": "made here"}
    (folder / "dataset.json").write_text(json.dumps({**about, "train": records}))
    return folder


class Untrained:
    """A trainer that keeps the datasets and trains nothing."""

    def fit(self, build, sets, scale, folder):
        self.sets = sets
        return Trained(build(), {}, 1.0)


def change(monkeypatch, system, name, data=None, **changes):
    """Change fields of a recipe, and fields of its data."""
    recipes = SYSTEMS[system].recipes
    recipe = recipes[name]
    recipe = dataclasses.replace(
        recipe, data=dataclasses.replace(recipe.data, **(data or {})), **changes
    )
    monkeypatch.setitem(recipes, name, recipe)


@contextlib.contextmanager
def few_steps():
    """Recipes at a scale of seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainers, "STEPS_PER_EPOCH", 2)
        patch.setitem(SYSTEMS["voxelmorph"].recipe.scales, "cpu", SCALE)
        scale = dataclasses.replace(SCALE, steps=2, model={})
        patch.setitem(SYSTEMS["vxmdiff"].recipe.scales, "cpu", scale)
        yield
