"""Slices: 2-D images with a known position in 3-D space.

ITK and viewers read a file of one slice as a volume, but a network needs a 2-D image.
The `SlicePlane` of a 2-D grid converts between the two.
"""

import dataclasses

import numpy as np

# Minimum thickness of a slice, relative to its largest voxel size.
FLAT = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class SlicePlane:
    """Plane that holds the 2-D world of a slice.

    The axes of the 2-D world are the patient's x and y for an axial slice, x and z for
    a coronal slice, and y and z for a sagittal slice. For an oblique slice they are the
    axes of the nearest of these three, rotated into the slice. Parallel slices share
    their axes.

    Args:
        frame: Matrix `(4, 4)` from the 2-D world, with the distance from the slice as
            third coordinate, to RAS mm. Its axes have unit length.
        step: Vector `(3,)` in RAS mm across the slice, as long as the slice is thick.
        axis: Axis of the volume that crosses the slice, 0, 1 or 2.
    """

    frame: np.ndarray
    step: np.ndarray
    axis: int

    @classmethod
    def from_affine(cls, affine, axis):
        """Find the plane of a volume that has one voxel along an axis.

        Args:
            affine: Matrix `(4, 4)` from voxels of the volume to RAS mm.
            axis: The axis that has one voxel.

        Returns:
            Tuple of the `SlicePlane`, and the affine `(3, 3)` of the slice in it.
        """
        kept = [other for other in range(3) if other != axis]
        normal = np.cross(*affine[:3, kept].T)
        if not np.any(normal) or not np.isfinite(affine).all():
            raise ValueError(
                "`affine` must be finite and invertible, with no two axes parallel. "
                f"Received: affine={affine.tolist()}"
            )
        normal /= np.linalg.norm(normal)
        frame = np.eye(4)
        frame[:3, :3] = _axes(normal)
        normal = frame[:3, 2]
        frame[:3, 3] = normal * (normal @ affine[:3, 3])
        step = affine[:3, axis]
        if abs(normal @ step) < FLAT * np.abs(affine[:3, :3]).max():
            # The thickness is unknown: assume 1 mm.
            step = normal
        inside = np.linalg.solve(frame, affine)[np.ix_([0, 1, 3], [*kept, 3])]
        return cls(frame, step, axis), inside

    @property
    def thickness(self):
        """Thickness of the slice in mm."""
        return abs(float(self.frame[:3, 2] @ self.step))

    def volume_affine(self, affine):
        """Find the affine of a slice as a volume.

        Args:
            affine: Matrix `(3, 3)` from pixels to the 2-D world.

        Returns:
            Matrix `(4, 4)` from voxels to RAS mm.
        """
        result = np.eye(4)
        kept = [other for other in range(3) if other != self.axis]
        result[:3, [*kept, 3]] = self.frame[:3, [0, 1, 3]] @ affine
        result[:3, self.axis] = self.step
        return result


def _axes(normal):
    """Return the axes of the plane with this normal, and the normal, as columns."""
    # Rounding makes the choice stable for a slice halfway between two of the three.
    nearest = int(np.argmax(np.round(np.abs(normal), 6)))
    normal = normal * np.sign(normal[nearest])
    upwards = np.eye(3)[nearest]
    # The smallest rotation of `upwards` to the normal, by Rodrigues' formula.
    cross = np.cross(np.eye(3), np.cross(upwards, normal))
    rotation = np.eye(3) + cross + cross @ cross / (1 + upwards @ normal)
    others = [axis for axis in range(3) if axis != nearest]
    return rotation[:, [*others, nearest]]
