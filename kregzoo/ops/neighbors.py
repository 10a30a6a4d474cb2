"""Adjoint of a warp by small displacements, by `keras.ops` on any backend."""

import itertools

from keras import ops


def moves(coordinates, shape):
    """Compute the displacement along each axis of points clipped to the image."""
    found = []
    for axis, size in enumerate(shape):
        ramp = ops.arange(size, dtype="float32")
        ramp = ops.reshape(ramp, [-1 if i == axis else 1 for i in range(len(shape))])
        found.append(ops.clip(coordinates[..., axis], 0.0, size - 1.0) - ramp)
    return found


def gathered(upstream, moves):
    """Apply the adjoint of linear interpolation to displacements of at most one voxel.

    Each voxel sums the contributions of its 3**D neighbors. XLA fuses these shifted
    products into one pass, which replaces the scatter.
    """
    size, ndim = upstream.shape[1:-1], len(moves)
    padding = [(0, 0), *[(1, 1)] * ndim]
    moves = [ops.pad(move, padding) for move in moves]
    channels = [ops.pad(part, padding) for part in ops.unstack(upstream, axis=-1)]
    totals = [0.0] * len(channels)
    for offset in itertools.product((-1, 0, 1), repeat=ndim):
        window = (slice(None),) + tuple(
            slice(1 - step, 1 - step + length)
            for step, length in zip(offset, size, strict=True)
        )
        weight = 1.0
        for step, move in zip(offset, moves, strict=True):
            weight = weight * ops.maximum(0.0, 1.0 - ops.abs(move[window] - step))
        weight = ops.cast(weight, upstream.dtype)
        totals = [
            total + weight * channel[window]
            for total, channel in zip(totals, channels, strict=True)
        ]
    return ops.stack(totals, axis=-1)
