import pytest

from kregzoo.evaluation import benchmark
from kregzoo.evaluation.benchmark_cases.networks import (
    forward_passes,
    network,
    training_steps,
)
from tests.evaluation.benchmark_cases.small import SIZE, defined


@pytest.mark.parametrize(
    "name", ["network forward", "network forward half resolution", "training step"]
)
def test_networks_run_and_have_as_many_parameters(name):
    pytest.importorskip("voxelmorph")
    (result,) = benchmark.run([defined(name)], 1, progress=False)
    assert all(entry["median"] > 0 for entry in result["implementations"])
    if name != "training step":
        ours, twin = (entry["parameters"] for entry in result["implementations"][:2])
        assert ours == twin


def parameters(half):
    """Weights and biases of the U-Net and its head, by hand."""
    # Channels in and out: the encoder, the decoder with its skips, the head.
    layers = [(2, 16), (16, 32), (32, 32), (32, 32)]
    layers += [(32, 32), (32 + 32, 32), (32 + 32, 32), (32 + 16, 32)]
    layers += [(32, 32)] if half else [(32, 32), (32 + 2, 16), (16, 16)]
    layers += [(32 if half else 16, 3)]
    return sum(27 * before * after + after for before, after in layers)


@pytest.mark.parametrize("half", [True, False])
def test_ours_has_the_parameters_that_it_shows(half):
    (ours, *_) = forward_passes(SIZE, "cpu", half).available
    assert ours.parameters() == parameters(half)


def test_a_velocity_of_half_resolution_warps_the_whole_image():
    output = network(SIZE, half=True).output
    assert output["velocity"].shape == (None, 8, 8, 8, 3)
    assert output["displacement"].shape == (None, *SIZE, 3)
    assert output["warped"].shape == (None, *SIZE, 1)


def test_a_training_step_lowers_the_loss():
    (ours, *_) = training_steps(SIZE, "cpu").available
    step = ours.make()
    losses = [float(step()["loss"]) for _ in range(8)]
    assert losses[-1] < losses[0]
