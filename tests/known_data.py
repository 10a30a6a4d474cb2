"""A small data folder with a known transform, and methods that find part of it."""

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
    """Make two held-out pairs that differ by a shift of whole voxels."""
    folder = tmp_path_factory.mktemp("known") / "known"
    folder.mkdir()
    grid = Grid.centred((24, 22, 20), 3.0)
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
    """Make a method that finds part of the shift and counts its calls."""

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
