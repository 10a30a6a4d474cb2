"""Forward passes and training steps of a U-Net that predicts a velocity."""

from functools import partial

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.blocks import pair_inputs, unet
from kregzoo.blocks.convolutions import CONVOLUTIONS
from kregzoo.evaluation.benchmark_cases import torch_networks
from kregzoo.evaluation.benchmark_cases.benchmark_case import Benchmark, Implementation
from kregzoo.evaluation.benchmark_cases.frameworks import (
    finished,
    images,
    without_cuda,
)
from kregzoo.evaluation.benchmark_cases.torch_networks import (
    DECODER,
    ENCODER,
    LEARNING_RATE,
    LIBRARY,
    SQUARINGS,
)
from kregzoo.layers import RescaleTransform, SpatialTransformer, VecInt
from kregzoo.losses import LNCC, Gradient
from kregzoo.training import RegistrationModel


def forward_passes(size, device, half):
    """Define the benchmark of a forward pass: two images to a displacement and a warp.

    The library's U-Net uses pooling instead of strides, a skip connection from the
    first convolution at full resolution, and no half resolution. The numbers of
    parameters show the difference.

    Args:
        size: tuple of three ints divisible by 16.
        device: `"cpu"` or `"gpu"`, where PyTorch works.
        half: bool. Predict the velocity at half resolution.

    Returns:
        A `Benchmark`.
    """

    def theirs(name, make_network):
        return Implementation(
            name,
            partial(torch_networks.forward, size, device, make_network),
            LIBRARY,
            lambda: torch_networks.parameters(make_network()),
            partial(without_cuda, device),
        )

    others = [theirs(f"{LIBRARY}, our U-Net", partial(_twin, half))]
    if not half:
        others.append(theirs(f"{LIBRARY}, its U-Net", torch_networks.own_network))
    return Benchmark(
        "network forward half resolution" if half else "network forward",
        Implementation(
            "kregzoo",
            partial(_forward, size, half),
            parameters=lambda: network(size, half).count_params(),
        ),
        tuple(others),
        size,
        memory=True,
    )


def training_steps(size, device):
    """Define the benchmark of a training step at half resolution.

    Args:
        size: tuple of three ints divisible by 16.
        device: `"cpu"` or `"gpu"`, where PyTorch works.

    Returns:
        A `Benchmark`.
    """
    theirs = partial(torch_networks.training, size, device, partial(_twin, True))
    return Benchmark(
        "training step",
        Implementation("kregzoo", partial(_training, size)),
        (
            Implementation(
                f"{LIBRARY}, our U-Net",
                theirs,
                LIBRARY,
                obstacle=partial(without_cuda, device),
            ),
        ),
        size,
    )


def network(size, half):
    """Make the network of `kregzoo.blocks.unet` that all implementations rebuild.

    Args:
        size: tuple of three ints divisible by 16.
        half: bool. Predict the velocity at half resolution and resize the displacement.

    Returns:
        A `RegistrationModel`.
    """
    inputs = pair_inputs((*size, 1), divisor=2 ** len(ENCODER))
    pair = keras.layers.Concatenate()([inputs["moving"], inputs["fixed"]])
    features = unet(pair, ENCODER, DECODER, half)
    small = keras.initializers.RandomNormal(stddev=1e-5)
    head = CONVOLUTIONS[3](3, 3, padding="same", kernel_initializer=small)
    velocity = head(features)
    displacement = VecInt(SQUARINGS)(velocity)
    if half:
        displacement = RescaleTransform(2)(displacement)
    warped = SpatialTransformer()([inputs["moving"], displacement])
    outputs = {"velocity": velocity, "displacement": displacement, "warped": warped}
    return RegistrationModel(inputs=inputs, outputs=outputs)


def _twin(half):
    expected = network((16, 16, 16), half).count_params()
    return torch_networks.twin(half, expected)


def _forward(size, half):
    model = network(size, half)
    moving, fixed = (kops.convert_to_tensor(image) for image in images(size))

    def forward(moving, fixed):
        return model({"moving": moving, "fixed": fixed}, training=False)

    compiled = ops.compiled(forward, model=model)
    return lambda: finished(compiled(moving, fixed)["warped"])


def _training(size):
    model = network(size, half=True)
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        loss={"warped": LNCC(), "displacement": Gradient()},
    )
    moving, fixed = (kops.convert_to_tensor(image) for image in images(size))
    batch = {"moving": moving, "fixed": fixed}, None, None
    # The first step builds and compiles.
    model.train_on_batch(*batch)
    if keras.backend.backend() != "jax":
        return lambda: model.train_on_batch(*batch, return_dict=True)
    # As `fit` does, keep the state outside of the variables. `train_on_batch` assigns
    # every variable after each step, which can take longer than the step on a GPU.
    state = [
        [variable.value for variable in group]
        for group in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
    ]

    def work():
        nonlocal state
        logs, state = model.train_function(state, iter([batch]))
        # Not the loss, which is known before the end of the step.
        finished(state[0][0])
        return logs

    return work
