"""Fast path for PyTorch: warp by `grid_sample`."""

import torch
from torch.nn import functional

from kregzoo.ops import sampling


def interpolate(image, points, interpolation, fill, relative):
    """Interpolate as `sampling.interpolate` does, by `grid_sample` where possible."""
    ndim = image.ndim - 2
    if interpolation != "linear" or ndim not in (2, 3):
        return sampling.interpolate(image, points, interpolation, fill, relative)
    shape, out = image.shape[1:-1], points.shape[1:-1]
    # From -1 at the center of the first voxel to 1 at the last. Scales are numbers,
    # because PyTorch waits for the GPU when it copies a tensor there.
    parts = []
    for axis, (size, part) in enumerate(zip(shape, points.unbind(-1), strict=True)):
        scale, start = 2.0 / max(size - 1, 1), points.new_full((1,), -1.0)
        if relative:
            end = scale * (out[axis] - 1) - 1.0
            # Exactly -1 and 1 at the ends, where clipping decides the gradient.
            start = torch.linspace(-1.0, end, out[axis], device=points.device)
            start = start.reshape([-1 if i == axis else 1 for i in range(ndim)])
        part = torch.add(start, part, alpha=scale)
        parts.append(part.reshape(len(points), -1))
    # `grid_sample` expects the last axis first.
    grid = torch.stack(parts[::-1], dim=1).movedim(1, -1)
    grid = grid.reshape(len(points), *(1,) * (ndim - 1), -1, ndim)
    values = functional.grid_sample(
        image.movedim(-1, 1).to(torch.float32),
        grid,
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
    values = values.movedim(1, -1).to(image.dtype)
    values = values.reshape(*points.shape[:-1], image.shape[-1])
    if fill == "zeros":
        coordinates = sampling.absolute(points) if relative else points
        values = values * _inside(coordinates, shape).to(image.dtype)
    return values


def _inside(coordinates, shape):
    """Compute `sampling.inside` in few operations."""
    limits = torch.stack([coordinates.new_full((), size - 0.5) for size in shape])
    valid = (coordinates >= -0.5) & (coordinates <= limits)
    return valid.all(dim=-1, keepdim=True)
