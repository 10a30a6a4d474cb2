"""Warping and integration of displacement fields.

The sampling points for `map_coordinates` and `grid_sample` are computed beforehand. Our
warp computes them from the displacement, which is included in its time.
"""

from functools import partial

import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.evaluation.benchmark_cases import torch_networks
from kregzoo.evaluation.benchmark_cases.benchmark_case import Benchmark, Implementation
from kregzoo.evaluation.benchmark_cases.frameworks import (
    images,
    keras_work,
    smooth_field,
    torch_images,
    torch_with_all_cores,
    torch_work,
    without_cuda,
)
from kregzoo.evaluation.benchmark_cases.torch_networks import LIBRARY, SQUARINGS
from kregzoo.ops.sampling import interpolate


def warps(size, device, gradient):
    """Define the benchmark of a warp, or of its gradient."""
    makers = (_warp, _map_coordinates, partial(_grid_sample, device))
    ours, keras_own, torch_own = (partial(m, size, gradient) for m in makers)
    return Benchmark(
        "warp gradient" if gradient else "warp",
        Implementation("kregzoo", ours),
        (
            Implementation("map_coordinates", keras_own, "keras"),
            Implementation(
                "grid_sample",
                torch_own,
                "torch",
                obstacle=partial(without_cuda, device),
            ),
        ),
        size,
        memory=not gradient,
    )


def integrations(size, device, gradient):
    """Define the benchmark of integrating a velocity, or of its gradient."""
    makers = (_integration, partial(torch_networks.integration, device))
    ours, theirs = (partial(maker, size, gradient) for maker in makers)
    obstacle = partial(without_cuda, device)
    others = [Implementation(LIBRARY, theirs, LIBRARY, obstacle=obstacle)]
    if gradient:
        # Measures the backend's gradient of the gathers.
        others.append(Implementation("plain form", partial(_plain_integration, size)))
    return Benchmark(
        "integration gradient" if gradient else "integration",
        Implementation("kregzoo", ours),
        tuple(others),
        size,
        memory=not gradient,
    )


def _points(size):
    """Return the voxel coordinates `(*size, 3)` to which the field points."""
    return ops.identity_grid(size) + smooth_field(size)[0]


def _warp(size, gradient):
    def warp(field, image):
        return ops.warp(image, field)

    return keras_work(warp, [smooth_field(size), images(size)[0]], gradient)


def _map_coordinates(size, gradient):
    def sample(points, image):
        return kops.image.map_coordinates(image, points, 1, fill_mode="nearest")

    arrays = [np.moveaxis(_points(size), -1, 0), images(size)[0, 0, ..., 0]]
    return keras_work(sample, arrays, gradient)


def _grid_sample(device, size, gradient):
    torch = torch_with_all_cores()
    image = torch_images(size, device)[0]

    def sample(grid):
        return torch.nn.functional.grid_sample(
            image, grid, padding_mode="border", align_corners=True
        )

    # From -1 at the center of the first voxel to 1 at that of the last. The last axis
    # comes first.
    grid = 2.0 * _points(size) / (np.array(size) - 1.0) - 1.0
    return torch_work(sample, grid[None, ..., ::-1], device, gradient)


def _integration(size, gradient):
    def integrate(velocity):
        return ops.integrate(velocity, SQUARINGS)

    return keras_work(integrate, [smooth_field(size)], gradient)


def _plain_integration(size):
    def integrate(velocity):
        field = velocity / 2.0**SQUARINGS
        for _ in range(SQUARINGS):
            field = field + interpolate(field, field, "linear", "border", True)
        return field

    return keras_work(integrate, [smooth_field(size)], gradient=True)
