"""Small data folders whose right answers are known, and methods that know them."""

import json

import numpy as np
import pytest

from kregzoo.evaluation import Method
from kregzoo.protocols import WrittenTransform
from kregzoo.spatial import AffineTransform, Grid, Image
from tests.phantoms import Phantom

SHIFT = np.array([6.0, -3.0, 0.0])


@pytest.fixture(scope="session")
def known_data(tmp_path_factory):
    """Two held-out pairs whose images a shift of whole voxels aligns."""
    folder = tmp_path_factory.mktemp("known") / "known"
    folder.mkdir()
    grid = Grid.centered((24, 22, 20), 3.0)
    records = []
    for seed in range(2):
        phantom = Phantom(3, radius=20.0, seed=seed)
        record = {}
        for role, offset in (("moving", 0.0), ("fixed", SHIFT)):
            image = phantom.image(grid, lambda points, o=offset: points + o)
            labels = np.digitize(image.array, (0.3, 0.8)).astype("int16")
            labels[0, 0, 0] = 5 if role == "moving" else 7  # not in both
            names = f"{role}{seed}.nii.gz", f"{role}{seed}_label.nii.gz"
            image.write(folder / names[0])
            Image(labels, grid).write(folder / names[1])
            record |= {role: names[0], f"{role}_label": names[1]}
        records.append(record)
    description = {"title": "Blobs", "licence": "none", "source": "here"}
    (folder / "dataset.json").write_text(json.dumps({**description, "eval": records}))
    return folder


class Shift:
    """A method that knows a part of the shift, and counts how often it runs."""

    def __init__(self, part, fails_on=""):
        self.part = part
        self.fails_on = fails_on
        self.runs = 0

    def __call__(self, moving, fixed, folder):
        self.runs += 1
        if self.fails_on and self.fails_on in moving.name:
            raise RuntimeError("/build/src/tool.hxx:3: no\noverlap")
        matrix = np.eye(4)
        matrix[:3, 3] = self.part * SHIFT
        AffineTransform(matrix).save(folder / "shift.tfm")
        return WrittenTransform([folder / "shift.tfm"])


def method(name, run, **description):
    return Method(name, run, {"package": "test 1", **description})


@pytest.fixture(scope="session")
def contrasts(tmp_path_factory):
    """Two persons, of whom the last one has a second contrast, its inverse."""
    folder = tmp_path_factory.mktemp("contrasts") / "contrasts"
    folder.mkdir()
    grid = Grid.centered((40, 44, 38), 3.0, center=(4.0, -6.0, 2.0))
    records = []
    for person in range(2):
        image = Phantom(3, radius=30.0, seed=person).image(grid)
        inverse = np.where(image.array > 0.05, 1.3 - image.array, 0.0)
        record = {"t1": f"{person}_t1.nii.gz", "t2": f"{person}_t2.nii.gz"}
        image.write(folder / record["t1"])
        Image(inverse.astype("float32"), grid).write(folder / record["t2"])
        records.append(record)
    (folder / "dataset.json").write_text(json.dumps({"train": records}))
    return folder


def trunk(grid):
    """A body of air, flesh and bone."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(grid.voxel_to_world(index.reshape(-1, 3)), -1, 0)
    inside = (x / 60) ** 2 + ((y + x / 8) / 40) ** 2 + ((z - 10) / 75) ** 2 < 1
    bone = (x**2 + (y + 25) ** 2 < 64) & inside
    values = np.where(bone, 1700.0, np.where(inside, 1000.0, 0.0))
    return Image(values.reshape(grid.shape).astype("float32"), grid)


@pytest.fixture(scope="session")
def volumes(tmp_path_factory):
    """A body, without pairs."""
    folder = tmp_path_factory.mktemp("volumes") / "volumes"
    folder.mkdir()
    trunk(Grid.centered((40, 32, 44), 5.0)).write(folder / "trunk.nii.gz")
    description = {"eval_images": [{"image": "trunk.nii.gz"}]}
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder
