import keras
import numpy as np
import pytest
from keras import ops as kops

from kregzoo import ops
from kregzoo.models import VoxelMorphDiff
from tests.helpers import assert_close, random_image

# Channels in and out of each convolution up to half resolution, and of the two heads.
WIDTHS = [
    *[(2, 16), (16, 32), (32, 32), (32, 32)],
    *[(32, 32), (32 + 32, 32), (32 + 32, 32), (32 + 16, 32), (32, 16)],
    *[(16, 3), (16, 3)],
]


def images(shape):
    return {n: random_image((1, *shape), s) for s, n in enumerate(("moving", "fixed"))}


def with_mean(model, value):
    """Make the mean velocity a constant."""
    head = model.get_layer("velocity_mean")
    kernel, _ = head.get_weights()
    head.set_weights([np.zeros_like(kernel), np.array(value)])
    return model


def test_published_size():
    model = VoxelMorphDiff(bidirectional=True)
    assert model.count_params() == sum((27 * a + 1) * b for a, b in WIDTHS)
    assert model.output["velocity"].shape == (None, 80, 96, 112, 3)
    assert model.output["velocity_statistics"].shape == (None, 80, 96, 112, 6)
    for name in ("displacement", "inverse_displacement"):
        assert model.output[name].shape == (None, 160, 192, 224, 3)


def test_heads_start_as_published():
    model = VoxelMorphDiff((32, 32, 1))
    statistics = kops.convert_to_numpy(
        model(images((32, 32, 1)))["velocity_statistics"]
    )
    assert np.abs(statistics[..., :2]).max() < 1e-3
    assert_close(
        statistics[..., 2:], np.full_like(statistics[..., 2:], -10.0), atol=1e-4
    )


def test_training_samples_and_inference_takes_the_mean():
    model = VoxelMorphDiff((32, 32, 1))
    head = model.get_layer("velocity_log_variance")
    kernel, _ = head.get_weights()
    head.set_weights([np.zeros_like(kernel), np.full(2, 2 * np.log(0.5))])
    pair = images((32, 32, 1))
    mean = kops.convert_to_numpy(model(pair)["velocity_statistics"])[..., :2]
    assert_close(model(pair)["velocity"], mean)
    first, second = (
        kops.convert_to_numpy(model(pair, training=True)["velocity"]) for _ in range(2)
    )
    assert np.abs(first - second).max() > 0.1
    assert 0.45 < (first - mean).std() < 0.55


@pytest.mark.parametrize("ndim", [2, 3])
def test_both_directions_undo_each_other(ndim):
    shape = (16,) * ndim + (1,)
    keras.utils.set_random_seed(0)
    model = VoxelMorphDiff(shape, bidirectional=True)
    rng = np.random.default_rng(0)
    head = model.get_layer("velocity_mean")
    kernel, bias = head.get_weights()
    head.set_weights([rng.normal(0, 0.03, kernel.shape), bias])
    pair = images(shape)
    outputs = model(pair)
    forward, inverse = (
        outputs[name] for name in ("displacement", "inverse_displacement")
    )
    assert np.abs(kops.convert_to_numpy(forward)).max() > 0.3
    residual = kops.convert_to_numpy(ops.compose(forward, inverse))
    inner = (0, *[slice(3, -3)] * ndim)
    assert np.abs(residual[inner]).max() < 0.1
    warped = kops.convert_to_numpy(ops.warp(pair["fixed"], inverse))
    assert_close(outputs["warped_fixed"], warped)


def test_a_constant_velocity_moves_by_twice_its_voxels():
    model = with_mean(VoxelMorphDiff((32, 32, 1), bidirectional=True), [1.5, -1.0])
    outputs = model(images((32, 32, 1)))
    center = (0, slice(8, 24), slice(8, 24))
    for name, sign in (("displacement", 1.0), ("inverse_displacement", -1.0)):
        field = kops.convert_to_numpy(outputs[name])[center]
        assert_close(field, np.broadcast_to([3.0 * sign, -2.0 * sign], field.shape))


def test_without_its_top_it_gives_features():
    model = VoxelMorphDiff((32, 32, 32, 1), include_top=False)
    assert list(model.output) == ["features"]
    assert model.output["features"].shape == (None, 16, 16, 16, 16)


def test_an_integration_needs_a_step():
    with pytest.raises(ValueError, match="`integration_steps`.*Received: 0"):
        VoxelMorphDiff((32, 32, 1), integration_steps=0)
