"""The contract of every system's network, in the dimensions and on the backends."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops as kops

import kregzoo
from kregzoo import training
from kregzoo.losses import MSE
from kregzoo.models import SYSTEMS
from tests.helpers import assert_close, random_image, run_model_saving_test

ROOT = pathlib.Path(__file__).parents[2]
BACKENDS = [n for n in ("tensorflow", "jax", "torch") if importlib.util.find_spec(n)]
DIMENSIONS = {"2d": (32, 32, 1), "3d": (16, 16, 16, 1)}
# Of networks whose default needs larger images.
ARGUMENTS = {
    "air_gan": {"width": 16},
    "dlir": {"spacings": (16, 8)},
    "icnet": {"width": 4},
    "ma_dueling": {"widths": (8, 8, 8), "dense": 16},
    "liao_agent": {"widths": (4, 8), "dense": (16,), "padding": "same"},
    "sam_flownet": {"width": 0.125},
}
# Of networks of the plane, whose sizes are divisible by 64.
PLANAR = {"sam_flownet"}
# Of networks that see the whole image at once.
ONE_SIZE = {"air_gan", "airnet", "krebs"}
# Of networks whose heads add up.
RATES = {"label_reg": 3e-5}
# Of networks that other random weights have move by dozens of voxels.
GAINS = {"label_reg": 0.03}
# Of networks that align nothing by themselves: metrics and agents.
OTHERS = {"haskins_tre", "liao_agent", "ma_dueling"}
# Of networks of volumes alone.
SPATIAL = {"ma_dueling"}
FIELDS = ("displacement", "inverse_displacement", "velocity", "control_points")

systems = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
registering = pytest.mark.parametrize(
    "system",
    [system for name, system in SYSTEMS.items() if name not in OTHERS],
    ids=lambda system: system.name,
)


def shape_for(system, dimension):
    """Sizes that a system takes, in the one dimension that it may be made for."""
    if system.name in PLANAR:
        return (64, 64, 1)
    return DIMENSIONS["3d" if system.name in SPATIAL else dimension]


def pair(shape, batch=1):
    return {
        "moving": random_image((batch, *shape), 0, sigma=2.0),
        "fixed": random_image((batch, *shape), 1, sigma=2.0),
    }


def images_for(model):
    """Smooth images for every input of a network."""
    return {
        name: random_image((1, *tensor.shape[1:]), seed, sigma=2.0)
        for seed, (name, tensor) in enumerate(sorted(model.input.items(), reverse=True))
    }


def build(system, shape, **options):
    return system.builder(shape, **ARGUMENTS.get(system.name, {}), **options)


def strong(model, gain=0.3):
    """Set every weight to a value that shows in the outputs."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        # What normalizes must stay what it is.
        if "norm" not in weight.path:
            scale = gain / np.sqrt(max(1, np.prod(weight.shape[:-1]) / 10))
            weight.assign(rng.normal(0, scale, weight.shape))
    return model


@systems
def test_a_system_is_described(system):
    assert getattr(kregzoo.models, system.builder.__name__) is system.builder
    chapters = {"3.1", "3.2", "4.1", "4.2", "5.1", "5.2", "6"}
    # Only surveyed systems have a number in the survey's list of references.
    surveyed = system.chapter != "after the survey"
    assert (system.chapter in chapters) == surveyed == ("[" in system.reference)


@systems
def test_recipes_are_of_outputs_that_there_are(system):
    for recipe in system.recipes.values():
        assert set(recipe.scales) == {"cpu", "published"}
        assert recipe.images is not None
        for name, scale in recipe.scales.items():
            assert all(n % (scale.divisor or 1) == 0 for s in scale.shapes for n in s)
            trainer, stages = recipe.at(name).trainer, ({},)
            if isinstance(trainer, training.Staged):
                trainer, stages = trainer.trainer, trainer.stages
            shape = (64,) * len(scale.shapes[0])
            model = system.builder((*shape, 1), **{**scale.model, **stages[-1]})
            losses = set(getattr(trainer, "losses", ()))
            # Labels are warped by the training, not by the network.
            assert losses - {"warped_labels"} <= set(model.output)
            assert set(getattr(trainer, "weights", ())) <= losses


@registering
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_outputs_have_their_names_and_begin_at_the_identity(system, dimension):
    shape = shape_for(system, dimension)
    model, images = build(system, shape), pair(shape, batch=2)
    outputs = model(images)
    spatial, ndim = shape[:-1], len(shape) - 1
    assert set(outputs) == set(model.output)
    for output in outputs.values():
        assert np.isfinite(kops.convert_to_numpy(output)).all()
    if "displacement" in outputs:
        zeros = np.zeros((2, *spatial, ndim))
        assert_close(outputs["displacement"], zeros, atol=0.01)
    else:
        identity = np.tile(np.eye(ndim, ndim + 1), (2, 1, 1))
        assert_close(outputs["affine"], identity, atol=0.01)
    assert_close(outputs["warped"], images["moving"], atol=0.01)


@registering
def test_sizes_may_be_open(system):
    if system.name in ONE_SIZE:
        with pytest.raises(ValueError, match="`input_shape` must not contain None"):
            build(system, (None, None, 1))
        return
    shape = (64, 128, 1) if system.name in PLANAR else (32, 48, 1)
    fixed_size = strong(build(system, shape))
    open_size = build(system, (None, None, 1))
    open_size.set_weights(fixed_size.get_weights())
    images = pair(shape)
    expected = kops.convert_to_numpy(fixed_size(images)["displacement"])
    assert np.abs(expected).max() > 0.01
    assert_close(open_size(images)["displacement"], expected, rtol=1e-3, atol=1e-4)


@systems
def test_weights_have_names_of_their_own(system):
    model = build(system, shape_for(system, "2d"))
    paths = [weight.path for weight in model.weights]
    # Keras' PyTorch backend forgets all but one of those that share a name, and never
    # sets the others' gradients back to zero.
    assert len(set(paths)) == len(paths)


@systems
def test_saved_as_keras(system, tmp_path):
    model = strong(build(system, shape_for(system, "2d")))
    run_model_saving_test(model, images_for(model), tmp_path)


@registering
def test_one_batch_is_learnt(system):
    keras.utils.set_random_seed(0)
    shape = shape_for(system, "2d")
    images = pair(shape)
    images["fixed"] = np.roll(images["moving"], 1, axis=1)
    model = build(system, shape)
    rate = RATES.get(system.name, 1e-3)
    model.compile(keras.optimizers.Adam(rate), {"warped": MSE()})
    before = model.evaluate(images, verbose=0)
    model.fit(images, epochs=25, verbose=0)
    # What the shift brings in from outside cannot be had.
    assert model.evaluate(images, verbose=0) < 0.75 * before


@systems
def test_fields_stay_float32_in_mixed_precision(system):
    shape = shape_for(system, "2d")
    full = strong(build(system, shape))
    images = images_for(full)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build(system, shape)
    finally:
        keras.config.set_dtype_policy(policy)
    mixed.set_weights(full.get_weights())
    assert any(layer.compute_dtype == "bfloat16" for layer in mixed.layers)
    expected, outputs = full(images), mixed(images)
    for name in set(FIELDS) & set(outputs):
        assert keras.backend.standardize_dtype(outputs[name].dtype) == "float32"
        field = kops.convert_to_numpy(expected[name])
        # bfloat16 keeps eight bits.
        assert_close(outputs[name], field, rtol=0, atol=0.1 * np.abs(field).max())


@systems
def test_wrong_shapes_are_refused(system):
    for shape in ((32, 1), (32, 32, 32, 32, 1)):
        with pytest.raises(ValueError, match="input_shape.*Received"):
            build(system, shape)


@systems
def test_unknown_weights_are_refused(system):
    with pytest.raises(ValueError, match="Received.*mars"):
        build(system, shape_for(system, "2d"), weights="mars")


LOAD = """
import json, sys, numpy as np, keras, kregzoo
folder, arguments = sys.argv[1:3]
for name in json.loads(arguments):
    images = dict(np.load(f"{folder}/{name}_images.npz"))
    whole = keras.models.load_model(f"{folder}/{name}.keras")
    kinds = "displacement", "affine", "tre", "fine", "values"
    kind = next(kind for kind in kinds if kind in whole.output)
    field = whole.predict_on_batch(images)[kind]
    built = kregzoo.models.SYSTEMS[name].builder(**json.loads(arguments)[name])
    built.load_weights(f"{folder}/{name}.weights.h5")
    again = built.predict_on_batch(images)[kind]
    out = f"{folder}/{name}_{keras.backend.backend()}.npz"
    np.savez(out, whole=field, built=again)
"""


def saved_shape(name):
    return (64, 64, 1) if name in PLANAR else (32, 32, 32, 1)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Every system's network and weights, as this backend saves them."""
    folder = tmp_path_factory.mktemp("saved")
    fields = {}
    for name, system in SYSTEMS.items():
        model = strong(build(system, saved_shape(name)), GAINS.get(name, 0.3))
        images = images_for(model)
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
        np.savez(folder / f"{name}_images.npz", **images)
        outputs = model.predict_on_batch(images)
        kinds = "displacement", "affine", "tre", "fine", "values"
        fields[name] = next(outputs[kind] for kind in kinds if kind in outputs)
    return folder, fields


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_files_give_the_same_field_in_a_new_process_on_any_backend(saved, backend):
    folder, fields = saved
    arguments = {
        name: {"input_shape": saved_shape(name), **ARGUMENTS.get(name, {})}
        for name in fields
    }
    paths = os.pathsep.join([str(ROOT), *sys.path])
    subprocess.run(
        [sys.executable, "-c", LOAD, str(folder), json.dumps(arguments)],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": paths},
        check=True,
    )
    for name, expected in fields.items():
        assert np.abs(expected).max() > 0.1
        results = np.load(folder / f"{name}_{backend}.npz")
        for field in results.values():
            np.testing.assert_allclose(field, expected, atol=1e-4)
