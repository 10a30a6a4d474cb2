"""Presets that were spoiled, and what is none."""

import json
import os
import shutil

import h5py
import keras
import numpy as np
import pytest

import kregzoo
from kregzoo.presets.preset import installed_presets, sha256
from tests.bad_input.commands import refused
from tests.bad_input.files import HEARTS


@pytest.fixture
def preset(place):
    """A copy of a preset to spoil."""
    return shutil.copytree(installed_presets()[HEARTS], place / "preset")


def rewrite(preset, name, change):
    """Change a file of a preset as one who also knows to change its hash."""
    path = preset / name
    if name.endswith(".json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content))
    else:
        change(path)
    metadata = json.loads((preset / "metadata.json").read_text(encoding="utf-8"))
    metadata["sha256"][name] = sha256(path)
    (preset / "metadata.json").write_text(json.dumps(metadata))


def other_shapes(path):
    with h5py.File(path, "r+") as file:
        names = []
        file.visit(names.append)
        for name in names:
            if isinstance(file[name], h5py.Dataset):
                del file[name]
                file[name] = np.zeros((2, 2), "float32")


def bomb(path):
    """A terabyte of zeros in some kilobytes."""
    with h5py.File(path, "r+") as file:
        options = {"compression": "gzip", "chunks": (2**20,)}
        file.create_dataset("zeros", (2**38,), "float32", **options)


PRESETS = {
    "wrong hash": lambda p: (p / "config.json").write_text("{}"),
    "no weights": lambda p: (p / "model.weights.h5").unlink(),
    "no metadata": lambda p: (p / "metadata.json").unlink(),
    "no JSON": lambda p: (p / "metadata.json").write_text("{"),
    "half the weights": lambda p: rewrite(
        p, "model.weights.h5", lambda path: os.truncate(path, 5000)
    ),
    "pickled weights": lambda p: rewrite(
        p, "model.weights.h5", lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n.")
    ),
    "wrong shapes": lambda p: rewrite(p, "model.weights.h5", other_shapes),
    "a bomb": lambda p: rewrite(p, "model.weights.h5", bomb),
    "no such system": lambda p: rewrite(
        p, "config.json", lambda config: config.update(system="os.system")
    ),
    "no system": lambda p: rewrite(p, "config.json", lambda config: config.clear()),
    "no such argument": lambda p: rewrite(
        p, "config.json", lambda config: config["arguments"].update(code="import os")
    ),
    "no such recipe": lambda p: rewrite(
        p, "config.json", lambda config: config.update(recipe="mars")
    ),
    "a frame of words": lambda p: rewrite(
        p, "preprocessor.json", lambda frame: frame.update(spacing="one")
    ),
    "an empty frame": lambda p: rewrite(p, "preprocessor.json", lambda f: f.clear()),
}


@pytest.mark.parametrize("spoil", PRESETS.values(), ids=PRESETS)
def test_a_spoiled_preset(place, preset, capfd, spoil):
    spoil(preset)
    with pytest.raises(ValueError):
        kregzoo.load(preset)
    command = ["register", "good.nii.gz", "good.nii.gz", "-o", "out"]
    refused([*command, "--model", preset], place, capfd)


def keras_file(folder, layer):
    model = keras.Sequential([keras.Input((4,)), layer])
    model.save(folder / "model.keras")
    return folder / "model.keras"


NAMES = {
    "a name that leaves the folder": lambda f: f"../{f.name}/preset",
    "a lambda layer": lambda f: keras_file(f, keras.layers.Lambda(lambda x: x)),
    "a model, not a preset": lambda f: keras_file(f, keras.layers.Dense(2)),
    "an empty name": lambda f: "",
}


@pytest.mark.parametrize("make", NAMES.values(), ids=NAMES)
def test_what_is_no_preset(place, capfd, make):
    name = make(place)
    with pytest.raises(ValueError, match="no preset of this name"):
        kregzoo.load(name)
    command = ["register", "good.nii.gz", "good.nii.gz", "-o", "out"]
    refused([*command, "--model", name], place, capfd)
