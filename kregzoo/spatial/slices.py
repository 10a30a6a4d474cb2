"""Transforms between slices, as transforms of 3-D space."""

import numpy as np

from kregzoo.spatial.grid import Grid, change_frame
from kregzoo.spatial.transforms import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Transform,
)

# Rows and columns of a 4 x 4 matrix that concern the first two coordinates.
IN_PLANE = [0, 1, 3]


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


def flatten(transform, fixed, moving):
    """Make the transform between two slices that a transform of 3-D space is.

    The inverse of `lift`. Where the transform leaves the moving slice, its points are
    projected onto it.

    Args:
        transform: `Transform` of 3-D space.
        fixed: `Grid` of the fixed slice.
        moving: `Grid` of the moving slice.

    Returns:
        A 2-D `Transform`, an `AffineTransform` if it is affine; the same transform if
        it is 2-D, or one of the grids does not know in which plane it lies.
    """
    if transform.ndim == 2 or fixed.plane is None or moving.plane is None:
        return transform
    parts = getattr(transform, "transforms", [transform])
    if all(isinstance(part, AffineTransform) for part in parts):
        matrix = np.linalg.inv(moving.plane.frame)
        for part in parts[::-1]:
            matrix = matrix @ part.matrix
        matrix = matrix @ fixed.plane.frame
        return AffineTransform(matrix[np.ix_(IN_PLANE, IN_PLANE)])
    return SliceTransform(transform, fixed, moving)


class SliceTransform(Transform):
    """Transform of 3-D space as one between the 2-D worlds of two slices.

    Args:
        transform: `Transform` of 3-D space.
        fixed: `Grid` of the fixed slice, which knows in which plane it lies.
        moving: `Grid` of the moving slice, likewise.
    """

    ndim = 2

    def __init__(self, transform, fixed, moving):
        self.transform = transform
        self.fixed = fixed
        self.moving = moving

    def _map(self, coordinates, frame):
        inside = np.insert(coordinates, 2, 0, axis=-1)
        frame = self.fixed.plane.frame @ _with_third_axis(frame, 1.0)
        found, frame = self.transform._map(inside, frame)
        return change_frame(found, frame, self.moving.plane.frame)[..., :2], np.eye(3)

    def inverse(self):
        """The inverse of the transform of 3-D space, between the same slices."""
        return SliceTransform(self.transform.inverse(), self.moving, self.fixed)

    def to_itk(self):
        """Raise, because ITK's 2-D world is not that of the slices."""
        raise ValueError(
            "A transform of 3-D space cannot be saved as a 2-D one: save "
            "`Registration.world_transform`. Received: a SliceTransform"
        )


def _lift_part(transform, thickness):
    """Leave the third coordinate as it is."""
    if isinstance(transform, SliceTransform):
        return CompositeTransform(
            [
                AffineTransform(transform.fixed.plane.frame),
                transform.transform,
                AffineTransform(np.linalg.inv(transform.moving.plane.frame)),
            ]
        )
    if isinstance(transform, AffineTransform):
        return AffineTransform(_with_third_axis(transform.matrix, 1.0))
    # One slice on either side, because a field is inverted by its derivatives.
    affine = _with_third_axis(transform.grid.affine, thickness)
    affine[2, 3] = -thickness
    field = np.pad(transform.displacement, [(0, 0), (0, 0), (0, 1)])
    field = np.stack([field] * 3, axis=2)
    return DisplacementTransform(field, Grid(field.shape[:3], affine))


def _with_third_axis(matrix, scale):
    result = np.diag([1.0, 1.0, scale, 1.0])
    result[np.ix_(IN_PLANE, IN_PLANE)] = matrix
    return result
