"""What the benchmarks compare: the same work done by us and by others.

Everyone gets the same float32 arrays and all the processor's cores, and everyone's work
counts as done when its result can be read.

The sampling points that `map_coordinates` and `grid_sample` take are made beforehand;
our warp makes them from the displacement, which its time includes.
"""

import dataclasses
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops, zoo
from kregzoo.evaluation.baselines.sitk import centered, optimize_mutual_information
from kregzoo.losses import LNCC, Gradient
from kregzoo.models.unsupervised.voxelmorph import DECODERS, ENCODERS, VoxelMorph
from kregzoo.ops.warping import interpolate
from kregzoo.spatial import AffineTransform, Image, itk
from kregzoo.training import Pose

SIZE = (160, 192, 224)
TRAINING_SIZE = (96, 112, 96)
STEPS = 7
VARIANT = "vm2"
PRESET = "voxelmorph_brain_t1"
AFFINE_PRESET = "airnet_brain_t1"
LEARNING_RATE = 1e-4


@dataclasses.dataclass(frozen=True)
class Implementation:
    """One way to do the work of a benchmark.

    Args:
        name: str.
        make: callable without arguments that prepares inputs and networks, and returns
            another that does the work and waits for its result, which it returns.
        package: str. The distribution that must be installed for it; None for ours.
        parameters: callable that gives the number of its network's trainable
            parameters; None where there is no network.
    """

    name: str
    make: Callable
    package: str | None = None
    parameters: Callable | None = None

    @property
    def version(self):
        """Version of the package, None if it is not installed."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None

    @property
    def available(self):
        """Whether the package is installed, if it takes one."""
        return self.package is None or self.version is not None


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Some work, our way of doing it, and those of others.

    Args:
        name: str.
        ours: the `Implementation` that the ratios are relative to.
        others: tuple of `Implementation`.
        size: tuple, the voxels of the images along each axis; empty without images.
        memory: bool. Measure peak memory too.
    """

    name: str
    ours: Implementation
    others: tuple = ()
    size: tuple = ()
    memory: bool = False

    @property
    def contenders(self):
        """Those that can run here, ours first."""
        return [c for c in (self.ours, *self.others) if c.available]


def benchmarks(size=SIZE, training_size=TRAINING_SIZE, device="cpu"):
    """Define all the benchmarks; nothing is prepared yet.

    Args:
        size: tuple of three ints divisible by 16.
        training_size: likewise.
        device: `"cpu"` or `"gpu"`, where PyTorch works.

    Returns:
        List of `Benchmark`.
    """
    found = []
    for gradient in (False, True):
        found += [_warps(size, device, gradient), _integrations(size, device, gradient)]
    return [
        *found,
        *(_forwards(size, device, half) for half in (False, True)),
        Benchmark(
            "training step",
            Implementation("kregzoo", partial(_training, training_size)),
            (
                Implementation(
                    "voxelmorph, our U-Net",
                    partial(_voxelmorph_training, training_size, device),
                    "voxelmorph",
                ),
            ),
            training_size,
        ),
        Benchmark(
            "affine registration",
            Implementation("kregzoo", _affine),
            (Implementation("mutual information", _mutual_information, "SimpleITK"),),
        ),
        Benchmark("load", Implementation("kregzoo", lambda: lambda: zoo.load(PRESET))),
        Benchmark(
            "import",
            Implementation("kregzoo", partial(_import, "kregzoo")),
            (Implementation("keras", partial(_import, "keras"), "keras"),),
        ),
    ]


def _warps(size, device, gradient):
    makers = (_warp, _map_coordinates, partial(_grid_sample, device))
    ours, keras_own, torch_own = (partial(m, size, gradient) for m in makers)
    return Benchmark(
        "warp gradient" if gradient else "warp",
        Implementation("kregzoo", ours),
        (
            Implementation("map_coordinates", keras_own, "keras"),
            Implementation("grid_sample", torch_own, "torch"),
        ),
        size,
        memory=not gradient,
    )


def _integrations(size, device, gradient):
    makers = (_integration, partial(_voxelmorph_integration, device))
    ours, theirs = (partial(maker, size, gradient) for maker in makers)
    others = [Implementation("voxelmorph", theirs, "voxelmorph")]
    if gradient:
        # What the backend's own gradient of the gathers costs.
        others.append(Implementation("plain form", partial(_plain_integration, size)))
    return Benchmark(
        "integration gradient" if gradient else "integration",
        Implementation("kregzoo", ours),
        tuple(others),
        size,
        memory=not gradient,
    )


def _forwards(size, device, half):
    """Whole forward passes: both images to the displacement and the warped image.

    voxelmorph's own U-Net pools where ours strides, joins the first convolution at full
    resolution, and knows no half resolution; its number of parameters stands beside.
    """

    def theirs(name, network):
        return Implementation(
            name,
            partial(_voxelmorph_forward, size, device, network),
            "voxelmorph",
            lambda: _torch_count(network()),
        )

    others = [theirs("voxelmorph, our U-Net", partial(_twin, half))]
    if not half:
        others.append(theirs("voxelmorph, its U-Net", _voxelmorph_network))
    ours = partial(_network, size, half)
    return Benchmark(
        "network forward half resolution" if half else "network forward",
        Implementation(
            "kregzoo",
            partial(_forward, size, half),
            parameters=lambda: ours().count_params(),
        ),
        tuple(others),
        size,
        memory=True,
    )


@cache
def _images(size):
    """Two images `(1, *size, 1)` of noise in [0, 1)."""
    shape = (2, 1, *size, 1)
    return np.random.default_rng(0).random(shape, dtype="float32")


@cache
def _field(size):
    """A smooth field `(1, *size, 3)` of a few voxels.

    It vanishes at the border, and nobody samples outside, where customs differ.
    """
    coarse = np.random.default_rng(1).normal(scale=3.0, size=(1, 4, 4, 4, 3))
    field = kops.convert_to_numpy(ops.resize(coarse.astype("float32"), size))
    for axis, length in enumerate(size, start=1):
        window = np.sin(np.linspace(0.0, np.pi, length, dtype="float32"))
        field = field * np.expand_dims(window, [i for i in range(5) if i != axis])
    return field


def _points(size):
    """Voxel coordinates `(*size, 3)` that the field points at."""
    return ops.identity_grid(size) + _field(size)[0]


def _finished(tensor):
    """Wait for a tensor of any framework by reading its first number."""
    float(tensor[(0,) * len(tensor.shape)])
    return tensor


def _keras_work(fn, array, gradient):
    """Callable of a compiled function at an array, or of its gradient there.

    The gradient is that of the sum of squares of the result, as for PyTorch below.
    """

    def differentiated(tensor):
        _, gradients = ops.value_and_grad(
            lambda tensor: kops.sum(kops.square(fn(tensor))), [tensor]
        )
        return gradients[0]

    compiled = ops.compiled(differentiated if gradient else fn)
    tensor = kops.convert_to_tensor(array)
    return lambda: _finished(compiled(tensor))


def _torch_work(fn, array, device, gradient):
    torch = _torch()
    tensor = _torch_tensor(array, device).requires_grad_(gradient)

    def work():
        with torch.set_grad_enabled(gradient):
            result = fn(tensor)
            if gradient:
                (result,) = torch.autograd.grad(result.square().sum(), tensor)
        return _finished(result)

    return work


def _torch():
    import torch

    torch.set_num_threads(os.cpu_count())
    return torch


def _torch_tensor(array, device):
    tensor = _torch().from_numpy(np.ascontiguousarray(array, "float32"))
    return tensor.to("cuda" if device == "gpu" else "cpu")


def _torch_images(size, device):
    # One channel: the axes can be called channels first without a copy.
    shape = (2, 1, 1, *size)
    return _torch_tensor(_images(size).reshape(shape), device)


def _warp(size, gradient):
    image = kops.convert_to_tensor(_images(size)[0])
    return _keras_work(lambda field: ops.warp(image, field), _field(size), gradient)


def _map_coordinates(size, gradient):
    image = kops.convert_to_tensor(_images(size)[0, 0, ..., 0])

    def sample(points):
        return kops.image.map_coordinates(image, points, 1, fill_mode="nearest")

    return _keras_work(sample, np.moveaxis(_points(size), -1, 0), gradient)


def _grid_sample(device, size, gradient):
    torch = _torch()
    image = _torch_images(size, device)[0]

    def sample(grid):
        return torch.nn.functional.grid_sample(
            image, grid, padding_mode="border", align_corners=True
        )

    # In [-1, 1] from the first voxel's centre to the last one's, last axis first.
    grid = 2.0 * _points(size) / (np.array(size) - 1.0) - 1.0
    return _torch_work(sample, grid[None, ..., ::-1], device, gradient)


def _integration(size, gradient):
    def integrate(velocity):
        return ops.integrate(velocity, STEPS)

    return _keras_work(integrate, _field(size), gradient)


def _plain_integration(size):
    def integrate(velocity):
        field = velocity / 2.0**STEPS
        for _ in range(STEPS):
            field = field + interpolate(field, field, "linear", "border", True)
        return field

    return _keras_work(integrate, _field(size), gradient=True)


def _voxelmorph_integration(device, size, gradient):
    import voxelmorph

    integrate = voxelmorph.nn.modules.IntegrateVelocityField(steps=STEPS)
    velocity = np.moveaxis(_field(size), -1, 1)
    return _torch_work(integrate, velocity, device, gradient)


def _network(size, half):
    return VoxelMorph((*size, 1), VARIANT, half, integration_steps=STEPS)


def _forward(size, half):
    model = _network(size, half)
    moving, fixed = (kops.convert_to_tensor(image) for image in _images(size))

    @ops.compiled
    def forward(moving, fixed):
        return model({"moving": moving, "fixed": fixed}, training=False)

    return lambda: _finished(forward(moving, fixed)["warped"])


def _voxelmorph_forward(size, device, make_network):
    torch = _torch()
    moving, fixed = _torch_images(size, device)
    network = make_network().to(moving.device).eval()

    def work():
        with torch.no_grad():
            _, warped = network(moving, fixed, return_warped_source=True)
        return _finished(warped)

    return work


def _training(size):
    model = _network(size, half=True)
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        loss={"warped": LNCC(), "displacement": Gradient()},
    )
    moving, fixed = _images(size)
    return lambda: model.train_on_batch({"moving": moving, "fixed": fixed})


def _voxelmorph_training(size, device):
    import neurite

    torch = _torch()
    moving, fixed = _torch_images(size, device)
    network = _twin(half=True).to(moving.device).train()
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    correlation = neurite.nn.modules.NCC()
    roughness = neurite.nn.modules.SpatialGradient()

    def work():
        optimizer.zero_grad()
        displacement, warped = network(moving, fixed, return_warped_source=True)
        loss = roughness(displacement) - correlation(warped, fixed).mean()
        loss.backward()
        optimizer.step()
        return _finished(loss.detach())

    return work


@cache
def _brains():
    """The MNI152 template of 1 mm under a random affine, and as it is."""
    try:
        from nilearn import datasets
    except ImportError as error:
        raise ImportError(
            "The affine registration that is timed is of the brain that nilearn "
            'carries: pip install "kregzoo[bench]"'
        ) from error
    fixed = Image.from_nibabel(datasets.load_mni152_template(resolution=1))
    motion = Pose(rotation=10.0, scale=0.05, shift=10.0, shear=0.05)
    matrix = motion.draw(np.random.default_rng(2), fixed.grid.centre)
    return fixed.resample(fixed.grid, AffineTransform(matrix)), fixed


def _affine():
    registrar = zoo.load(AFFINE_PRESET)
    moving, fixed = _brains()
    return lambda: registrar.register(moving, fixed, progress=False)


def _mutual_information():
    moving, fixed = (
        itk.to_image(image.array.astype("float32"), image.grid) for image in _brains()
    )

    def work():
        transform = centered(fixed, moving, "MOMENTS")
        optimize_mutual_information(fixed, moving, transform)
        return transform

    return work


def _voxelmorph_network():
    """The network that voxelmorph gives for our widths, one convolution a level."""
    import voxelmorph

    encoder = ENCODERS[VARIANT]
    return voxelmorph.nn.models.VxmPairwise(
        ndim=3,
        source_channels=1,
        target_channels=1,
        nb_features=(encoder, DECODERS[VARIANT][: len(encoder)]),
        activations="leaky_relu",
        integration_steps=STEPS,
    )


def _twin(half):
    """The network of voxelmorph around a U-Net that is ours, layer for layer."""
    import voxelmorph

    torch = _torch()
    modules = voxelmorph.nn.modules
    network = voxelmorph.nn.models.VxmPairwise(3, 1, 1, integration_steps=STEPS)
    network.model = _torch_unet(half)
    network.flow_layer = torch.nn.LazyConv3d(3, 3, padding=1)
    if half:
        network.velocity_field_integrator = torch.nn.Sequential(
            network.velocity_field_integrator, modules.ResizeDisplacementField(2)
        )
    shape = (16, 16, 16)
    # The first call finds out the numbers of input channels.
    network(*torch.zeros(2, 1, 1, *shape))
    torch.nn.init.normal_(network.flow_layer.weight, std=1e-5)
    count = _network(shape, half).count_params()
    assert count == _torch_count(network), "the two U-Nets must be the same"
    return network


def _torch_unet(half):
    """The U-Net of `kregzoo.blocks.unet` in PyTorch."""
    torch = _torch()
    encoder, decoder = ENCODERS[VARIANT], DECODERS[VARIANT]
    depth = len(encoder)
    # After which convolutions of the decoder to go up a level and join the encoder.
    joins = {*range(depth - 1)} if half else {*range(depth - 1), depth}

    def block(width, stride=1):
        convolution = torch.nn.LazyConv3d(width, 3, stride, padding=1)
        return torch.nn.Sequential(convolution, torch.nn.LeakyReLU(0.2))

    class UNet(torch.nn.Module):
        def __init__(self):
            super().__init__()
            widths = decoder[: depth + 1] if half else decoder
            self.encoder = torch.nn.ModuleList(block(w, stride=2) for w in encoder)
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


def _torch_count(network):
    return sum(weight.numel() for weight in network.parameters())


def _import(module):
    """Callable that imports a module in a fresh process."""
    command = [sys.executable, "-c", f"import {module}"]
    return lambda: subprocess.run(command, check=True, capture_output=True)
