"""The U-Net rebuilt in PyTorch, beside the one that it copies."""

import numpy as np
import pytest

from kregzoo.evaluation.benchmark_cases import torch_networks
from kregzoo.evaluation.benchmark_cases.frameworks import images
from kregzoo.evaluation.benchmark_cases.networks import network
from tests.evaluation.benchmark_cases.small import SIZE, numpy_of

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("half", [True, False])
def test_the_u_nets_have_the_same_layers(half):
    rebuilt = torch_networks._torch_unet(half)
    features = rebuilt(torch.zeros(1, 2, *SIZE))
    side = 8 if half else 16
    assert features.shape == (1, 32 if half else 16, side, side, side)

    def sizes(arrays):
        return [int(np.prod(array.shape)) for array in arrays]

    ours = network(SIZE, half).trainable_weights
    # All but the kernel and the bias of the head.
    assert sizes(rebuilt.parameters()) == sizes(ours)[:-2]
    assert torch_networks.parameters(rebuilt) == sum(sizes(ours)[:-2])


def test_a_forward_pass_returns_the_warped_image():
    class Still(torch.nn.Module):
        def forward(self, moving, fixed, return_warped_source):
            return fixed, moving if return_warped_source else None

    forward = torch_networks.forward(SIZE, "cpu", Still)
    np.testing.assert_array_equal(numpy_of(forward()), images(SIZE)[0, 0, ..., 0])
