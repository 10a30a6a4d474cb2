import inspect
import json

import h5py
import keras
import numpy as np
import pytest

from kregzoo.models import SYSTEMS
from kregzoo.models.feature_based.krebs import KrebsCVAE
from kregzoo.models.supervised.airnet import AIRNet
from kregzoo.models.unsupervised.dlir import DLIR
from kregzoo.models.unsupervised.voxelmorph import VoxelMorph
from kregzoo.models.unsupervised.vxmdiff import VoxelMorphDiff
from kregzoo.presets.preset import installed_presets


def tags():
    """Every builder with every tag of its own, and the preset's folder."""
    for name, folder in installed_presets().items():
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        system = config["system"]
        yield pytest.param(
            SYSTEMS[system].builder, name.removeprefix(f"{system}_"), folder, id=name
        )


def stored(folder):
    """A preset's arrays as they lie in its file, without Keras."""
    arrays = []

    def keep(name, item):
        # An inner network's optimizer is none of its weights, nor are seeds, integers.
        trained = isinstance(item, h5py.Dataset) and "optimizer" not in name
        if trained and item.dtype.kind == "f":
            arrays.append(item[()])

    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(keep)
    return arrays


def distinct(arrays):
    """Shapes and values of arrays, in whatever order they come."""
    return {(a.shape, a.astype("float32").tobytes()) for a in arrays}


@pytest.mark.parametrize("builder, tag, folder", list(tags()))
def test_a_tag_is_all_that_a_builder_needs(builder, tag, folder):
    model = builder(weights=tag)
    found = [keras.ops.convert_to_numpy(w) for w in model.weights]
    found = [array for array in found if array.dtype.kind == "f"]
    assert found and distinct(found) == distinct(stored(folder))


def test_a_tag_s_images_are_of_the_preset_s_size():
    model = VoxelMorph(weights="brain_t1")
    assert model.input["fixed"].shape == (None, None, None, None, 1)
    model = AIRNet(weights="brain_t1")
    assert model.input["fixed"].shape == (None, 40, 48, 40, 1)
    # One's own size is taken where the network has any.
    model = VoxelMorph((32, 32, 32, 1), weights="brain_t1", name="mine")
    assert model.input["fixed"].shape == (None, 32, 32, 32, 1)
    assert model.name == "mine" and "velocity" in model.output


def test_what_agrees_with_the_preset_may_be_given():
    model = DLIR(spacings=(16, 8, 4), width=16, weights="brain_t1")
    assert model.count_params() == DLIR(weights="brain_t1").count_params()


@pytest.mark.parametrize(
    "builder, tag, name, value",
    [
        (VoxelMorph, "brain_t1", "half_resolution", False),
        (VoxelMorph, "brain_t1", "integration_steps", 0),
        (DLIR, "brain_t1", "spacings", (32, 16, 8)),
        # These two are the builder's defaults, which the preset's file leaves out.
        (KrebsCVAE, "cardiac_cine", "sigma", 1.0),
        (VoxelMorphDiff, "brain_t1", "integration_steps", 5),
    ],
)
def test_what_contradicts_the_preset_is_refused(builder, tag, name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be.*{tag}.*Received: {name}="):
        builder(weights=tag, **{name: value})


def test_positional_arguments_are_given_too():
    match = "`variant` must be 'vm2double'.*Received.*'vm1'"
    with pytest.raises(ValueError, match=match):
        VoxelMorph((32, 32, 32, 1), "vm1", weights="brain_t1")


def test_outputs_may_differ_from_the_preset_s():
    features = VoxelMorph(weights="brain_t1", include_top=False)
    assert set(features.output) == {"features"}
    whole = VoxelMorph(weights="brain_t1")
    layer = next(layer for layer in features.layers if layer.weights)
    for one, other in zip(
        layer.weights, whole.get_layer(layer.name).weights, strict=True
    ):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))
    both = VoxelMorphDiff(weights="brain_t1", bidirectional=True)
    assert "inverse_displacement" in both.output


def test_a_file_of_weights_leaves_the_builder_its_defaults(tmp_path):
    path = tmp_path / "mine.weights.h5"
    saved = VoxelMorph((32, 32, 1))
    saved.save_weights(path)
    model = VoxelMorph((32, 32, 1), weights=path)
    assert "velocity" not in model.output
    for one, other in zip(model.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_file_of_weights_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    saved = VoxelMorph((32, 32, 1))
    saved.save_weights(tmp_path / "mine.weights.h5")
    (tmp_path / "mine.weights.h5").rename(tmp_path / "Mine.Weights.H5")
    model = VoxelMorph((32, 32, 1), weights="~/Mine.Weights.H5")
    for one, other in zip(model.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_builders_show_their_arguments(system):
    parameters = inspect.signature(system.builder).parameters
    assert {"input_shape", "weights", "name"} <= set(parameters)
    assert "Args:" in system.builder.__doc__
    with pytest.raises(TypeError, match="moon"):
        system.builder(moon=1)
