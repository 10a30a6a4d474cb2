"""Random transforms of every kind."""

import numpy as np
import scipy.ndimage

from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    VelocityTransform,
)


def make_affine(seed, grid):
    """A small affine map about the middle of the grid."""
    rng = np.random.default_rng(seed)
    matrix = np.eye(grid.ndim + 1)
    matrix[:-1, :-1] += rng.uniform(-0.1, 0.1, (grid.ndim, grid.ndim))
    matrix[:-1, -1] = grid.center - matrix[:-1, :-1] @ grid.center
    matrix[:-1, -1] += rng.uniform(-1, 1, grid.ndim)
    return AffineTransform(matrix)


def make_field(seed, grid, scale=1.0):
    """A smooth field of about a voxel."""
    noise = np.random.default_rng(seed).normal(size=(*grid.shape, grid.ndim))
    field = scipy.ndimage.gaussian_filter(noise, [2.0] * grid.ndim + [0])
    return (scale * field / np.abs(field).max()).astype("float32")


def make_transform(kind, seed, grid):
    if kind == "affine":
        return make_affine(seed, grid)
    if kind == "displacement":
        return DisplacementTransform(make_field(seed, grid), grid)
    if kind == "velocity":
        return VelocityTransform(make_field(seed, grid), grid)
    return CompositeTransform(
        [
            make_transform("displacement", seed, grid),
            make_affine(seed, grid),
            make_transform("velocity", seed + 1, grid.resampled(grid.spacing * 1.5)),
        ]
    )


def points_in(grid, seed, margin=0.0):
    voxels = np.random.default_rng(seed).uniform(
        margin, np.array(grid.shape) - 1 - margin, (20, grid.ndim)
    )
    return grid.voxel_to_world(voxels)
