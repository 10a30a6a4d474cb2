"""Keras's own distribution over devices: two of them learn what one learns."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
STEP = """
import contextlib, sys
import keras, numpy as np
from kregzoo.losses import NCC, Gradient
from kregzoo.models import VoxelMorph
from tests.phantoms import Phantom
from kregzoo.spatial import Grid

out, devices = sys.argv[1], int(sys.argv[2])
scope = contextlib.nullcontext()
if keras.backend.backend() == "jax":
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    assert len(keras.distribution.list_devices()) == devices
else:
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    virtual = [tf.config.LogicalDeviceConfiguration()] * devices
    tf.config.set_logical_device_configuration(cpu, virtual)
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    assert len(names) == devices
    scope = tf.distribute.MirroredStrategy(names).scope()
grid = Grid.centered((32, 32), 2.0)
images = [Phantom(2, seed=seed).image(grid).array for seed in range(8)]
images = np.array(images, "float32")[..., None]
keras.utils.set_random_seed(0)
with scope:
    model = VoxelMorph((32, 32, 1))
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        scale = 0.3 / np.sqrt(max(1, np.prod(weight.shape[:-1])))
        weight.assign(rng.normal(0, scale, weight.shape))
    # A step of descent at a rate of 1 is the gradient.
    model.compile(
        keras.optimizers.SGD(1.0),
        loss={"warped": NCC(), "displacement": Gradient("l2")},
        loss_weights={"warped": 1.0, "displacement": 0.1},
    )
before = model.get_weights()
pairs = {"moving": images[:4], "fixed": images[4:]}
model.fit(pairs, batch_size=4, epochs=1, shuffle=False, verbose=0)
gradients = [a - b for a, b in zip(before, model.get_weights(), strict=True)]
np.savez(out, *gradients)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_two_devices_find_the_gradients_of_one(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    found = [gradients(backend, devices, tmp_path) for devices in (1, 2)]
    largest = max(np.abs(gradient).max() for gradient in found[0])
    assert largest > 1e-3
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-5 * largest)


def gradients(backend, devices, folder):
    """What a step on a batch of four pairs takes from each weight."""
    out = folder / f"{devices}.npz"
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    command = [sys.executable, "-c", STEP, str(out), str(devices)]
    subprocess.run(command, env=environment, check=True)
    return list(np.load(out).values())
