"""The grid on which the voxels of an image, a field or a transform lie."""

import dataclasses
import math

import nibabel as nib
import numpy as np

from kregzoo.spatial.slice_plane import SlicePlane

# In 2-D the orientation of a picture: rows run down, columns run to the right.
CANONICAL_ORIENTATION = {2: "PL", 3: "RAS"}
UNITS = ("mm", "pixel")
_AXIS_LABELS = (("L", "R"), ("P", "A"), ("I", "S"))


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """Regular lattice of voxels placed in world space.

    A grid is an immutable value: two grids with the same shape and, to 1e-4, the
    same affine are equal. Voxels become millimeters through it and nowhere else.
    World coordinates are RAS millimeters (x to the patient's right, y to anterior,
    z to superior; in 2-D, x and y).

    Args:
        shape: Number of voxels along each of the 2 or 3 axes.
        affine: Matrix `(D + 1, D + 1)` that takes homogeneous voxel indices to
            world millimeters, as in NIfTI. Integer indices are at voxel centers.
        unit: `"mm"`; or `"pixel"` for a picture of unknown pixel size, in which a pixel
            counts as a millimeter.
        plane: `SlicePlane` that places a 2-D grid in 3-D space; None if unknown.
            Equality ignores unit and plane.

    Raises:
        ValueError: If the shape is empty or not 2-D or 3-D, if the affine has the
            wrong shape, is not finite, or is singular, or if the unit is unknown.

    Example:
        >>> grid = Grid.centered((4, 4, 4), spacing=2.0)
        >>> grid.voxel_to_world([0, 0, 0])
        array([-3., -3., -3.])
    """

    shape: tuple[int, ...]
    affine: np.ndarray
    unit: str = "mm"
    plane: SlicePlane | None = None

    def __post_init__(self):
        shape = tuple(int(size) for size in self.shape)
        if len(shape) not in (2, 3) or min(shape) < 1:
            raise ValueError(
                "`shape` must hold 2 or 3 sizes of at least one voxel. "
                f"Received: shape={shape}"
            )
        affine = np.array(self.affine, dtype="float64")
        if affine.shape != (len(shape) + 1,) * 2:
            raise ValueError(
                f"`affine` must be {(len(shape) + 1,) * 2} for a {len(shape)}-D grid. "
                f"Received: an affine of shape {affine.shape}"
            )
        if not np.isfinite(affine).all():
            raise ValueError(f"`affine` must be finite. Received: affine={affine}")
        if not np.allclose(affine[-1], np.eye(len(affine))[-1]):
            raise ValueError(
                f"The last row of `affine` must be (0, ..., 1). Received: {affine[-1]}"
            )
        spacing = np.linalg.norm(affine[:-1, :-1], axis=0)
        volume = abs(np.linalg.det(affine[:-1, :-1]))
        # Relative to the spacing, so that voxels of a micron are not called singular.
        if spacing.min() == 0 or volume < 1e-6 * np.prod(spacing):
            raise ValueError(
                "`affine` must be invertible: no voxel spacing may be zero and no two "
                f"axes parallel. Received: affine={affine.tolist()}"
            )
        if self.unit not in UNITS:
            raise ValueError(
                f"`unit` must be one of {UNITS}. Received: unit={self.unit!r}"
            )
        if self.plane is not None and len(shape) != 2:
            raise ValueError(
                f"Only a 2-D grid lies in a plane. Received: shape={shape}"
            )
        affine.flags.writeable = False
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def centered(cls, shape, spacing=1.0, center=None, orientation=None):
        """Make a grid whose axes are parallel to the world's.

        Args:
            shape: Number of voxels along each axis.
            spacing: Millimeters between voxels, one number or one per axis.
            center: World position in mm of the center of the grid. Defaults to the
                origin.
            orientation: Letters of the directions in which the voxel axes run.
                Defaults to `"RAS"` in 3-D and to `"PL"` in 2-D, the orientation of
                a picture: rows run down, columns run to the right.

        Returns:
            A `Grid`.
        """
        ndim = len(shape)
        codes = _orientation(orientation, ndim)
        center = np.zeros(ndim) if center is None else np.asarray(center, "float64")
        matrix = nib.orientations.inv_ornt_aff(
            nib.orientations.ornt_transform(_codes_to_ornt("RAS"[:ndim]), codes), shape
        )
        linear = matrix[:-1, :-1] * np.broadcast_to(spacing, ndim)
        return cls(shape, _affine_about(linear, shape, center))

    # British spelling, which scripts outside of the package use.
    centred = centered

    @property
    def ndim(self):
        """Number of axes, 2 or 3."""
        return len(self.shape)

    @property
    def spacing(self):
        """Millimeters between neighboring voxels along each axis, `(D,)`."""
        return np.linalg.norm(self.affine[:-1, :-1], axis=0)

    @property
    def direction(self):
        """Unit vectors of the voxel axes in the world, as columns of `(D, D)`."""
        return self.affine[:-1, :-1] / self.spacing

    @property
    def center(self):
        """World position in mm of the center of the grid, `(D,)`."""
        return self.voxel_to_world((np.array(self.shape) - 1) / 2)

    centre = center

    @property
    def extent(self):
        """Millimeters that the voxels cover along each axis, `(D,)`."""
        return self.spacing * self.shape

    @property
    def volume(self):
        """3-D `Grid` with one slice at the same place; None if the plane is unknown."""
        if self.plane is None:
            return None
        shape = np.insert(self.shape, self.plane.axis, 1)
        return Grid(shape, self.plane.volume_affine(self.affine))

    @property
    def orientation(self):
        """Letters of the world directions nearest to each voxel axis, e.g. `"LAS"`."""
        return "".join(nib.aff2axcodes(self.affine, _AXIS_LABELS[: self.ndim]))

    def voxel_to_world(self, points):
        """Take voxel coordinates `(..., D)` to world millimeters `(..., D)`."""
        return apply_affine(self.affine, points)

    def world_to_voxel(self, points):
        """Take world millimeters `(..., D)` to voxel coordinates `(..., D)`."""
        return apply_affine(np.linalg.inv(self.affine), points)

    def coordinates_in(self, other):
        """Compute the positions of this grid's voxels in the voxels of another grid.

        Args:
            other: A `Grid` with the same number of axes, or its affine.

        Returns:
            Array `(*shape, D)` of float32. An image on `other` that is sampled at
            these coordinates is resampled on this grid.
        """
        affine = other.affine if isinstance(other, Grid) else other
        matrix = np.linalg.solve(affine, self.affine)
        coordinates = np.empty((*self.shape, self.ndim), "float32")
        # Summing one ramp per axis avoids an (N, D) table of indices.
        ramps = [
            np.multiply.outer(np.arange(size), matrix[:-1, axis])
            for axis, size in enumerate(self.shape)
        ]
        *outer, inner = [
            ramp.astype("float32").reshape(
                (*(size if a == axis else 1 for a, size in enumerate(self.shape)), -1)
            )
            for axis, ramp in enumerate(ramps)
        ]
        start = sum(outer) + matrix[:-1, -1].astype("float32")
        for axis in range(self.ndim):
            np.add(start[..., axis], inner[..., axis], out=coordinates[..., axis])
        return coordinates

    def resampled(self, spacing):
        """Make a grid of another spacing with the same center and directions.

        Args:
            spacing: New distance between voxels in mm, one number or one per axis.

        Returns:
            A `Grid` that covers the same field of view to within half a voxel.
        """
        spacing = np.broadcast_to(np.asarray(spacing, "float64"), self.ndim)
        if not np.isfinite(spacing).all() or spacing.min() <= 0:
            raise ValueError(f"`spacing` must be positive. Received: {spacing}")
        shape = np.maximum(1, np.round(self.extent / spacing)).astype(int)
        linear = self.direction * spacing
        return self._with(shape, _affine_about(linear, shape, self.center))

    def padded(self, voxels):
        """Add voxels on every side. The other voxels keep their positions.

        Args:
            voxels: Number of voxels to add on each side, one number or one per axis.

        Returns:
            A `Grid`.
        """
        voxels = np.broadcast_to(voxels, self.ndim)
        affine = self.affine.copy()
        affine[:-1, -1] = self.voxel_to_world(-voxels)
        return self._with(self.shape + 2 * voxels, affine)

    def reoriented(self, orientation=None):
        """Permute and flip the axes. The voxels keep their positions.

        Args:
            orientation: Letters of the new orientation. Defaults to `"RAS"` in 3-D and
                `"PL"` in 2-D.

        Returns:
            A `Grid` whose axes are as near as possible to these directions.
        """
        ornt = self.reorientation(orientation)
        shape = np.empty(self.ndim, int)
        shape[ornt[:, 0].astype(int)] = self.shape
        return self._with(
            shape, self.affine @ nib.orientations.inv_ornt_aff(ornt, self.shape)
        )

    def reorientation(self, orientation=None):
        """Find the axis permutation and flips to an orientation (nibabel's `ornt`)."""
        return nib.orientations.ornt_transform(
            nib.io_orientation(self.affine), _orientation(orientation, self.ndim)
        )

    def slabs(self, voxels):
        """Split the grid along its first axis into slabs.

        Args:
            voxels: Maximum number of voxels per slab. A slab has at least one row.

        Yields:
            Tuples of a slice of the first axis and the `Grid` of its rows.
        """
        length = self.shape[0]
        rows = max(1, voxels // math.prod(self.shape[1:]))
        for start in range(0, length, rows):
            stop = min(start + rows, length)
            affine = self.affine.copy()
            affine[:-1, -1] += start * affine[:-1, 0]
            shape = (stop - start, *self.shape[1:])
            yield slice(start, stop), self._with(shape, affine)

    def _with(self, shape, affine):
        """Make a grid of another shape and affine in the same world."""
        return dataclasses.replace(self, shape=shape, affine=affine)

    def __eq__(self, other):
        return (
            isinstance(other, Grid)
            and self.shape == other.shape
            and np.allclose(self.affine, other.affine, rtol=0, atol=1e-4)
        )

    def __hash__(self):
        # Grids that are equal within the tolerance must have the same hash.
        return hash(self.shape)


def apply_affine(matrix, points):
    """Apply a homogeneous matrix `(D + 1, D + 1)` to points `(..., D)`."""
    return np.asarray(points) @ matrix[:-1, :-1].T + matrix[:-1, -1]


def change_frame(coordinates, frame, target):
    """Express voxel coordinates of one affine in the voxels of another."""
    matrix = np.linalg.solve(target, frame)
    # A float64 matrix would double the memory of the coordinates.
    return apply_affine(matrix.astype(coordinates.dtype), coordinates)


def _affine_about(linear, shape, center):
    """Build the affine with this linear part that has `center` in the middle."""
    affine = np.eye(len(shape) + 1)
    affine[:-1, :-1] = linear
    affine[:-1, -1] = center - linear @ ((np.array(shape) - 1) / 2)
    return affine


def _orientation(letters, ndim):
    """Convert axis letters to nibabel's orientation array, and check them."""
    letters = CANONICAL_ORIENTATION[ndim] if letters is None else letters
    try:
        ornt = _codes_to_ornt(letters)
        complete = sorted(ornt[:, 0]) == list(range(ndim))
    except (ValueError, KeyError):
        complete = False
    if not complete:
        raise ValueError(
            f"`orientation` must name each of the {ndim} axes once, like "
            f"{CANONICAL_ORIENTATION[ndim]!r}. Received: orientation={letters!r}"
        )
    return ornt


def _codes_to_ornt(letters):
    return nib.orientations.axcodes2ornt(tuple(letters), _AXIS_LABELS[: len(letters)])
