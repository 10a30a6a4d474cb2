"""Inputs of the benchmarks, and callables that run a function in Keras or PyTorch.

All implementations get the same float32 arrays and all cores of the processor. A call
ends when its result can be read.
"""

import os
from functools import cache

import numpy as np
from keras import ops as kops

from kregzoo import ops


@cache
def images(size):
    """Make two images `(1, *size, 1)` of noise in [0, 1)."""
    shape = (2, 1, *size, 1)
    return np.random.default_rng(0).random(shape, dtype="float32")


@cache
def smooth_field(size):
    """Make a smooth displacement `(1, *size, 3)` of a few voxels.

    It vanishes at the border. Samples never fall outside, where libraries extrapolate
    differently.
    """
    coarse = np.random.default_rng(1).normal(scale=3.0, size=(1, 4, 4, 4, 3))
    field = kops.convert_to_numpy(ops.resize(coarse.astype("float32"), size))
    for axis, length in enumerate(size, start=1):
        window = np.sin(np.linspace(0.0, np.pi, length, dtype="float32"))
        field = field * np.expand_dims(window, [i for i in range(5) if i != axis])
    return field


def finished(tensor):
    """Wait for a tensor of any framework by reading its first number."""
    float(tensor[(0,) * len(tensor.shape)])
    return tensor


def keras_work(fn, array, gradient):
    """Make a callable that runs a compiled function, or its gradient, on an array.

    The gradient is that of the sum of the squared result, as in `torch_work`.
    """

    def differentiated(tensor):
        _, gradients = ops.value_and_grad(
            lambda tensor: kops.sum(kops.square(fn(tensor))), [tensor]
        )
        return gradients[0]

    compiled = ops.compiled(differentiated if gradient else fn)
    tensor = kops.convert_to_tensor(array)
    return lambda: finished(compiled(tensor))


def torch_work(fn, array, device, gradient):
    """Make a callable that runs a PyTorch function, or its gradient, on an array."""
    torch = torch_with_all_cores()
    tensor = torch_tensor(array, device).requires_grad_(gradient)

    def work():
        with torch.set_grad_enabled(gradient):
            result = fn(tensor)
            if gradient:
                (result,) = torch.autograd.grad(result.square().sum(), tensor)
        return finished(result)

    return work


def torch_with_all_cores():
    """Import PyTorch and let it use all cores of the processor."""
    import torch

    torch.set_num_threads(os.cpu_count())
    return torch


def torch_tensor(array, device):
    """Make a float32 tensor on the CPU or the GPU."""
    tensor = torch_with_all_cores().from_numpy(np.ascontiguousarray(array, "float32"))
    return tensor.to("cuda" if device == "gpu" else "cpu")


def torch_images(size, device):
    """Make the two images as PyTorch tensors, channels first."""
    # One channel: channels first needs no copy.
    shape = (2, 1, 1, *size)
    return torch_tensor(images(size).reshape(shape), device)
