"""The same networks in PyTorch, built with the voxelmorph library."""

import numpy as np

from kregzoo.evaluation.benchmark_cases.frameworks import (
    finished,
    smooth_field,
    torch_images,
    torch_with_all_cores,
    torch_work,
)

# Distribution to compare with.
LIBRARY = "voxelmorph"
ENCODER = (16, 32, 32, 32)
DECODER = (32, 32, 32, 32, 32, 16, 16)
# Steps of scaling and squaring.
SQUARINGS = 7
LEARNING_RATE = 1e-4


def integration(device, size, gradient):
    """Make a callable that integrates a velocity, or computes the gradient."""
    import voxelmorph

    integrate = voxelmorph.nn.modules.IntegrateVelocityField(steps=SQUARINGS)
    velocity = np.moveaxis(smooth_field(size), -1, 1)
    return torch_work(integrate, velocity, device, gradient)


def forward(size, device, make_network):
    """Make a callable that runs a forward pass."""
    torch = torch_with_all_cores()
    moving, fixed = torch_images(size, device)
    network = make_network().to(moving.device).eval()

    def work():
        with torch.no_grad():
            _, warped = network(moving, fixed, return_warped_source=True)
        return finished(warped)

    return work


def training(size, device, make_network):
    """Make a callable that runs a training step."""
    import neurite

    torch = torch_with_all_cores()
    moving, fixed = torch_images(size, device)
    network = make_network().to(moving.device).train()
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    correlation = neurite.nn.modules.NCC()
    roughness = neurite.nn.modules.SpatialGradient()

    def work():
        optimizer.zero_grad()
        displacement, warped = network(moving, fixed, return_warped_source=True)
        loss = roughness(displacement) - correlation(warped, fixed).mean()
        loss.backward()
        optimizer.step()
        return finished(loss.detach())

    return work


def own_network():
    """Make the library's network with our widths, one convolution per level."""
    import voxelmorph

    return voxelmorph.nn.models.VxmPairwise(
        ndim=3,
        source_channels=1,
        target_channels=1,
        nb_features=(ENCODER, DECODER[: len(ENCODER)]),
        activations="leaky_relu",
        integration_steps=SQUARINGS,
    )


def twin(half, expected):
    """Make the library's network around a copy of our U-Net, layer for layer.

    Args:
        half: bool. Predict the velocity at half resolution.
        expected: int. Required number of parameters.

    Returns:
        A PyTorch module.
    """
    import voxelmorph

    torch = torch_with_all_cores()
    modules = voxelmorph.nn.modules
    network = voxelmorph.nn.models.VxmPairwise(3, 1, 1, integration_steps=SQUARINGS)
    network.model = _torch_unet(half)
    network.flow_layer = torch.nn.LazyConv3d(3, 3, padding=1)
    if half:
        network.velocity_field_integrator = torch.nn.Sequential(
            network.velocity_field_integrator, modules.ResizeDisplacementField(2)
        )
    # The first call determines the numbers of input channels.
    network(*torch.zeros(2, 1, 1, 16, 16, 16))
    torch.nn.init.normal_(network.flow_layer.weight, std=1e-5)
    assert parameters(network) == expected, "the two U-Nets must be the same"
    return network


def _torch_unet(half):
    """Rebuild the U-Net of `kregzoo.blocks.unet` in PyTorch."""
    torch = torch_with_all_cores()
    depth = len(ENCODER)
    # Convolutions of the decoder that are followed by upsampling and a skip.
    joins = {*range(depth - 1)} if half else {*range(depth - 1), depth}

    def block(width, stride=1):
        convolution = torch.nn.LazyConv3d(width, 3, stride, padding=1)
        return torch.nn.Sequential(convolution, torch.nn.LeakyReLU(0.2))

    class UNet(torch.nn.Module):
        def __init__(self):
            super().__init__()
            widths = DECODER[: depth + 1] if half else DECODER
            self.encoder = torch.nn.ModuleList(block(w, stride=2) for w in ENCODER)
            self.decoder = torch.nn.ModuleList(block(w) for w in widths)

        def forward(self, x):
            skips = [x]
            for layer in self.encoder:
                skips.append(layer(skips[-1]))
            x = skips.pop()
            for number, layer in enumerate(self.decoder):
                x = layer(x)
                if number in joins:
                    x = torch.nn.functional.interpolate(x, scale_factor=2)
                    x = torch.cat([x, skips.pop()], dim=1)
            return x

    return UNet()


def parameters(network):
    """Count the trainable parameters of a PyTorch module."""
    return sum(weight.numel() for weight in network.parameters())
