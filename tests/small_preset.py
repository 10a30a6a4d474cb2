"""A preset of a small network, for the tests of presets and of what is loaded."""

import shutil

import numpy as np
import pytest

from kregzoo.models import VoxelMorph
from kregzoo.presets.preset import Preset
from kregzoo.spatial import Preprocessor

ARGUMENTS = {"variant": "vm1", "half_resolution": True, "integration_steps": 0}


def network(**changes):
    return VoxelMorph((16, 16, 1), **{**ARGUMENTS, **changes})


def rough(model, seed=0):
    """Give every weight a value that matters."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="session")
def small_preset(tmp_path_factory):
    """A preset and the network whose weights it holds."""
    model = rough(network())
    preset = Preset(
        name="voxelmorph_test",
        folder=tmp_path_factory.mktemp("zoo") / "voxelmorph_test",
        config={"system": "voxelmorph", "arguments": ARGUMENTS},
        preprocessor=Preprocessor(2.0, ((16, 16), (32, 32))),
        metadata={"system": "voxelmorph", "metrics": {"dice": 0.5}, "training": {}},
    )
    preset.write(model, "# A card\n")
    return preset, model


@pytest.fixture
def preset_folder(small_preset, tmp_path):
    """A copy of the preset's folder to spoil."""
    return shutil.copytree(small_preset[0].folder, tmp_path / "voxelmorph_test")
