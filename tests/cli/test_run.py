"""`kregzoo --systems FILE run`: a user's system with its own task."""

import json
import pathlib

import keras
import numpy as np
import pytest

from kregzoo import cli, zoo
from kregzoo.cli.run import assign_inputs
from kregzoo.models import SYSTEMS
from kregzoo.presets.preset import Preset
from kregzoo.registrars import Input
from kregzoo.spatial import Image, Preprocessor

SYSTEM = """
import dataclasses
import json
import pathlib

import keras

from kregzoo import zoo
from kregzoo.registrars import Input, LoadedNetwork, Task
from kregzoo.spatial import as_image


class Means:
    def __init__(self, values):
        self.values = values

    def save(self, directory):
        pathlib.Path(directory, "means.json").write_text(json.dumps(self.values))


class Measurer(LoadedNetwork):
    def measure(self, reference, images):
        paths = [reference, *images]
        return Means([float(as_image(path, "image").array.mean()) for path in paths])


class Measures(Task):
    verb = "measure"
    inputs = Input("reference", "first image"), Input("images", "others", many=True)
    summary = "measures images"

    def make(self, model, preset, recipe):
        return Measurer.from_preset(model, preset, recipe)


def build(input_shape):
    image = keras.Input(input_shape)
    return keras.Model(image, keras.layers.Conv2D(1, 1)(image))


like = zoo.find_system("voxelmorph")
zoo.register_system(
    dataclasses.replace(like, name="measurer", builder=build, task=Measures())
)
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write the user's file, a preset, and images with means of 1, 2 and 3."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo.systems, "SYSTEMS", dict(SYSTEMS))
    pathlib.Path("mine.py").write_text(SYSTEM)
    for mean in (1, 2, 3):
        array = np.linspace(mean - 1, mean + 1, 64).reshape(8, 8)
        Image.from_array(array).write(f"{mean}.nii.gz")
    image = keras.Input((8, 8, 1))
    Preset(
        name="my_preset",
        folder=tmp_path / "my_preset",
        config={"system": "measurer", "arguments": {}},
        preprocessor=Preprocessor(1.0, ((8, 8),), divisor=None),
        metadata={"system": "measurer", "training": {}},
    ).write(keras.Model(image, keras.layers.Conv2D(1, 1)(image)))
    return tmp_path


def test_a_user_defined_task_runs(files, capsys):
    words = "--systems mine.py run my_preset 1.nii.gz 2.nii.gz 3.nii.gz -o out"
    assert cli.main(words.split()) == 0
    assert capsys.readouterr().out == "out/means.json\n"
    means = json.loads((files / "out/means.json").read_text())
    np.testing.assert_allclose(means, [1, 2, 3], rtol=1e-6)


@pytest.mark.parametrize(
    "words, message",
    [
        ("run my_preset 1.nii.gz -o out", "must be one of"),
        ("--systems mine.py run my_preset 1.nii.gz -o out", "images (others, one or"),
        ("--systems no.py run my_preset 1.nii.gz -o out", "no.py"),
        ("--systems 1.nii.gz run my_preset 1.nii.gz -o out", "must be a Python file"),
        ("--systems mine.py run mine 1.nii.gz -o out", "no preset of this name"),
        (
            "--systems mine.py register 1.nii.gz 2.nii.gz --model my_preset -o out",
            "which measures images",
        ),
    ],
)
def test_errors_say_what_to_do(files, words, message, capsys):
    assert cli.main(words.split()) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (files / "out").exists()


def test_inputs_are_assigned_in_order():
    one, two, many = Input("a"), Input("b"), Input("c", many=True)
    assert assign_inputs((one, two), ["1", "2"]) == ["1", "2"]
    assert assign_inputs((many,), ["1", "2"]) == [["1", "2"]]
    assert assign_inputs((one, many, two), list("1234")) == ["1", ["2", "3"], "4"]
    for inputs, words in (((one,), ["1", "2"]), ((one, many), ["1"])):
        with pytest.raises(ValueError, match=f"Received {len(words)}: 1"):
            assign_inputs(inputs, words)
