"""Fast path for PyTorch: warp by `grid_sample`."""

import torch
from torch.nn import functional

from kregzoo.ops import sampling


def interpolate(image, points, interpolation, fill, relative):
    """Interpolate as `sampling.interpolate` does, by `grid_sample` where possible."""
    ndim = image.ndim - 2
    if interpolation != "linear" or ndim not in (2, 3):
        return sampling.interpolate(image, points, interpolation, fill, relative)
    coordinates = sampling.absolute(points) if relative else points
    shape = image.shape[1:-1]
    last = torch.tensor(shape, dtype=torch.float32, device=coordinates.device) - 1
    # From -1 at the center of the first voxel to 1 at the last, in reverse axis order.
    grid = (2 * coordinates / last.clamp(min=1) - 1).flip(-1)
    grid = grid.reshape(len(grid), *(1,) * (ndim - 1), -1, ndim)
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
        values = values * sampling.inside(coordinates, shape).to(image.dtype)
    return values
