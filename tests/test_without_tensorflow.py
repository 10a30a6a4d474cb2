"""Loading, registering and training in a process that cannot import TensorFlow."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
BACKENDS = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]

SCRIPT = """
import pathlib
import sys


class Without:
    # A finder that does not find TensorFlow.

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, *args):
        if name.partition(".")[0] == "tensorflow":
            return None
        return self.finder.find_spec(name, *args)


sys.meta_path[:] = map(Without, sys.meta_path)
try:
    import tensorflow
except ModuleNotFoundError:
    pass
else:
    sys.exit("TensorFlow can be imported all the same")

import keras
import numpy as np

import kregzoo
from kregzoo import zoo
from kregzoo.models import SYSTEMS
from kregzoo.presets.preset import Preset
from kregzoo.spatial import Grid, Preprocessor
from kregzoo.training import PairDataset, Scale
from tests.phantoms import Phantom, linear_map, mean_error

assert keras.backend.backend() == sys.argv[1]
folder = pathlib.Path(sys.argv[2])
system = SYSTEMS["voxelmorph"]
arguments = {"variant": "vm1", "half_resolution": True, "integration_steps": 7}
frame = Preprocessor(3.0, ((32, 32),))

# One training step.
grid = Grid.centered((32, 32), 3.0)
images = [Phantom(2, seed=seed).image(grid) for seed in range(3)]
pose = system.recipe.data.augmentation
pairs = PairDataset(images, [np.eye(3)] * 3, grid, augmentation=pose)
scale = Scale(3.0, frame.shapes, steps=1, learning_rate=1e-3, model=arguments)
model = system.builder((32, 32, 1), **arguments)
before = model.get_weights()
sets = pairs, pairs
model = system.recipe.trainer.fit(lambda: model, sets, scale, folder / "training").model
assert any((a != b).any() for a, b in zip(before, model.get_weights()))
assert (folder / "training/checkpoint.npz").is_file()

# A preset, written and loaded.
metadata = {"system": "voxelmorph", "training": {"scale": "cpu"}}
config = {"system": "voxelmorph", "recipe": "brain_t1", "arguments": arguments}
Preset("tiny", folder / "tiny", config, frame, metadata).write(model, "card")
registrar = zoo.load(folder / "tiny")

# A registration, affine, network, refinement and files.
truth = linear_map(2, degrees=4.0)
phantom = Phantom(2)
moving, fixed = phantom.image(grid), phantom.image(grid, truth)
result = registrar.register(moving, fixed, refine=3, progress=False)
assert mean_error(result.transform, truth, phantom.landmarks()) < 2.0
result.save(folder / "out")
assert not any(name.partition(".")[0] == "tensorflow" for name in sys.modules)
print("done")
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_everything_runs_without_tensorflow(backend, tmp_path):
    paths = os.pathsep.join([str(ROOT), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, backend, str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": paths},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("done\n")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "warped.nii.gz",
        "transform.h5",
        "metrics.json",
        "report.html",
    }
