"""What is exported is run by what will run it: TensorFlow, onnxruntime, LiteRT."""

import json

import keras
import numpy as np
import pytest
from scipy import ndimage

import kregzoo
from kregzoo.evaluation.portability import FORMATS, RUNTIMES
from kregzoo.models import ICNet, VoxelMorph
from kregzoo.registrars import OneStepRegistrar
from kregzoo.spatial import Preprocessor

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow exports"
)


def images_for(model, shape):
    """Smooth images in [0, 1] for each of a network's inputs."""
    rng = np.random.default_rng(0)
    images = {}
    for name, x in sorted(model.input.items()):
        sigmas = (2,) * len(shape) + (0,)
        image = ndimage.gaussian_filter(rng.uniform(size=(*shape, x.shape[-1])), sigmas)
        image = (image - image.min()) / (image.max() - image.min())
        images[name] = image[None].astype("float32")
    return images


def assert_same(registrar, folder, format, shape):
    images = images_for(registrar.model, shape)
    found = RUNTIMES[format](registrar.export(folder, format, shape), images)
    expected = registrar.model(images, training=False)
    assert set(found) == set(expected)
    for name, output in expected.items():
        np.testing.assert_allclose(
            found[name], keras.ops.convert_to_numpy(output), atol=1e-3, err_msg=name
        )


def moved(model):
    """A registrar of a network whose output is far from zero."""
    keras.utils.set_random_seed(0)
    for weight in model.trainable_weights:
        if "flow" in weight.path:
            weight.assign(keras.random.normal(weight.shape, stddev=0.05))
    shape = (32, 32, 32)
    frame = Preprocessor(spacing=2.0, shapes=(shape[: len(model.inputs[0].shape) - 2],))
    return OneStepRegistrar(model, frame)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda: VoxelMorph((None, None, None, 1)), (32, 16, 16)),
        (lambda: VoxelMorph((32, 32, 1), integration_steps=3), (32, 32)),
        (lambda: ICNet((None, None, 1), width=2), (32, 48)),
    ],
)
def test_the_exported_network_gives_the_same(
    build, shape, format, tmp_path, monkeypatch
):
    # So that what is compiled at full size is here.
    monkeypatch.setattr("kregzoo.ops._tensorflow.WORTH_COMPILING", 0)
    assert_same(moved(build()), tmp_path / "out", format, shape)


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", [r.name for r in kregzoo.list_models()])
def test_presets_give_the_same(name, format, tmp_path):
    registrar = kregzoo.load(name)
    known = next(iter(registrar.model.input.values())).shape[1:-1]
    # Large enough to be compiled by XLA where there are three axes.
    shape = tuple(size or 64 for size in known)
    if format == "litert" and pools_in_space(registrar.model):
        with pytest.raises(ValueError, match="LiteRT lacks .*Pool3D"):
            registrar.export(tmp_path / "out", format, shape)
        assert not list(tmp_path.iterdir())
    else:
        assert_same(registrar, tmp_path / "out", format, shape)


def pools_in_space(model):
    pools = (keras.layers.MaxPooling3D, keras.layers.AveragePooling3D)
    return any(isinstance(layer, pools) for layer in model._flatten_layers())


def test_the_interface_says_what_is_taken_and_given(tmp_path):
    registrar = moved(VoxelMorph((None, None, None, 1)))
    path = registrar.export(tmp_path / "out", "onnx")
    assert path == tmp_path / "out" / "network.onnx"
    interface = json.loads((tmp_path / "out" / "interface.json").read_text())
    assert interface["inputs"]["moving"] == [1, 32, 32, 32, 1]
    assert interface["outputs"]["displacement"] == [1, 32, 32, 32, 3]
    frame = Preprocessor.from_config(interface["preprocessor"])
    assert frame.get_config() == registrar.preprocessor.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "pdf"}, "`format` must be one of .* Received: 'pdf'"),
        ({"shape": (32, 32)}, r"`shape` must be 3 sizes .* Received: \(32, 32\)"),
    ],
)
def test_bad_arguments_leave_nothing(options, message, tmp_path):
    registrar = moved(VoxelMorph((None, None, None, 1)))
    with pytest.raises(ValueError, match=message):
        registrar.export(tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_a_fixed_shape_stays(tmp_path):
    registrar = moved(VoxelMorph((32, 32, 1)))
    with pytest.raises(ValueError, match=r"\(32, 32\)\. Received: \(48, 48\)"):
        registrar.export(tmp_path / "out", shape=(48, 48))


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="new or empty"):
        moved(VoxelMorph((32, 32, 1))).export(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
