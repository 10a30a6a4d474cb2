"""Transforms between slices, as transforms of 3-D space."""

import numpy as np

from kregzoo.spatial.grid import Grid
from kregzoo.spatial.transforms import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
)


def lift(transform, fixed, moving):
    """Make the transform of 3-D space that a transform between two slices is.

    ITK and viewers read a file of one slice as a volume, which only a 3-D transform
    fits. Points of the fixed slice go to the moving one, and points beside the fixed
    slice as far beside the moving one.

    Args:
        transform: `Transform` of the 2-D worlds.
        fixed: `Grid` of the fixed slice.
        moving: `Grid` of the moving slice.

    Returns:
        A 3-D `Transform`; the same 2-D one if one of the grids does not know in which
        plane of 3-D space it lies.
    """
    if transform.ndim == 3 or fixed.plane is None or moving.plane is None:
        return transform
    parts = getattr(transform, "transforms", [transform])
    return CompositeTransform(
        [
            AffineTransform(np.linalg.inv(fixed.plane.frame)),
            *(_lift_part(part, fixed.plane.thickness) for part in parts),
            AffineTransform(moving.plane.frame),
        ]
    )


def _lift_part(transform, thickness):
    """Leave the third coordinate as it is."""
    if isinstance(transform, AffineTransform):
        return AffineTransform(_with_third_axis(transform.matrix, 1.0))
    grid = Grid(
        (*transform.grid.shape, 1), _with_third_axis(transform.grid.affine, thickness)
    )
    field = np.pad(transform.displacement, [(0, 0), (0, 0), (0, 1)])
    return DisplacementTransform(field[:, :, np.newaxis], grid)


def _with_third_axis(matrix, scale):
    result = np.diag([1.0, 1.0, scale, 1.0])
    kept = [0, 1, 3]
    result[np.ix_(kept, kept)] = matrix
    return result
