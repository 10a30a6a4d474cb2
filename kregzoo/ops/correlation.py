"""Correlation of two feature maps over a window of displacements."""

import itertools

from keras import ops


def correlation(fixed, moving, max_displacement, stride=1):
    """Compute the cost volume of two feature maps.

    `y[x, d] = mean over c of fixed[x, c] * moving[x + d, c]`, with zeros outside the
    moving map, for displacements `d` on a grid from `-max_displacement` to
    `max_displacement` (Fischer et al., "FlowNet", ICCV 2015, eq. 1, with patches of
    one voxel). The time and the size of the graph grow with the number of
    displacements. In 3-D, keep the window small or use a `stride`.

    Args:
        fixed: tensor `(B, *spatial, C)`.
        moving: tensor `(B, *spatial, C)`.
        max_displacement: int >= 0, in voxels along each axis.
        stride: int >= 1 that divides `max_displacement`. Step between displacements.

    Returns:
        Tensor `(B, *spatial, K**D)` with `K = 2 * max_displacement / stride + 1`, with
        displacements in row-major order.

    Raises:
        ValueError: If `stride` does not divide `max_displacement`.

    Example:
        >>> moving = ops.reshape(ops.arange(4.0), (1, 1, 4, 1))
        >>> cost = correlation(ops.ones((1, 1, 4, 1)), moving, 1)
        >>> ops.convert_to_numpy(cost)[0, 0, 1, 3:6].tolist()
        [0.0, 1.0, 2.0]
    """
    if stride < 1 or max_displacement < 0 or max_displacement % stride:
        raise ValueError(
            "`max_displacement` must be a multiple of `stride`. Received: "
            f"max_displacement={max_displacement}, stride={stride}"
        )
    fixed, moving = ops.convert_to_tensor(fixed), ops.convert_to_tensor(moving)
    spatial = ops.shape(fixed)[1:-1]
    margin = (max_displacement, max_displacement)
    padded = ops.pad(moving, [(0, 0), *[margin] * len(spatial), (0, 0)])
    starts = range(0, 2 * max_displacement + 1, stride)
    costs = []
    for corner in itertools.product(starts, repeat=len(spatial)):
        window = [
            slice(start, start + size)
            for start, size in zip(corner, spatial, strict=True)
        ]
        costs.append(ops.mean(fixed * padded[(slice(None), *window)], axis=-1))
    return ops.stack(costs, axis=-1)
