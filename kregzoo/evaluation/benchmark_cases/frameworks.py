"""Inputs of the benchmarks, and callables that run a function in Keras or PyTorch.

All implementations get the same float32 arrays, which are on the device before the
timing, and all cores of the processor. A call ends when its result is computed.
"""

import os
from functools import cache

import numpy as np
from keras import ops as kops

from kregzoo import ops

TORCH_DEVICES = {"cpu": "cpu", "gpu": "cuda"}


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
    """Wait until a tensor of any framework is computed."""
    if hasattr(tensor, "block_until_ready"):
        tensor.block_until_ready()
    elif getattr(tensor, "is_cuda", False):
        torch_with_all_cores().cuda.synchronize()
    else:
        # TensorFlow waits only for values that are read.
        float(tensor[(0,) * len(tensor.shape)])
    return tensor


def keras_work(fn, arrays, gradient):
    """Make a callable that runs a compiled function of arrays.

    With `gradient`, it computes the gradient of the sum of the squared result with
    respect to the first array, as in `torch_work`.
    """

    def differentiated(first, *others):
        _, gradients = ops.value_and_grad(
            lambda first: kops.sum(kops.square(fn(first, *others))), [first]
        )
        return gradients[0]

    compiled = ops.compiled(differentiated if gradient else fn)
    # Arguments, because XLA would compile captured tensors as constants.
    tensors = [kops.convert_to_tensor(array) for array in arrays]
    return lambda: finished(compiled(*tensors))


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


def without_cuda(device):
    """Say why PyTorch cannot run on a device; None if it can."""
    if device == "cpu" or torch_with_all_cores().cuda.is_available():
        return None
    return "PyTorch has no CUDA"


def torch_tensor(array, device):
    """Make a float32 tensor on the CPU or the GPU."""
    tensor = torch_with_all_cores().from_numpy(np.ascontiguousarray(array, "float32"))
    return tensor.to(TORCH_DEVICES[device])


def torch_images(size, device):
    """Make the two images as PyTorch tensors, channels first."""
    # One channel: channels first needs no copy.
    shape = (2, 1, 1, *size)
    return torch_tensor(images(size).reshape(shape), device)
