"""Planes of a registered pair that figures show."""

import copy
import dataclasses

import keras
import nibabel as nib
import numpy as np

from kregzoo.ops import jacobian_determinant

# Orientation of the display axes. The first axis points up; rows of a 2-D picture,
# which run down, are flipped.
DISPLAY = {2: "AL", 3: "RAS"}


@dataclasses.dataclass(frozen=True)
class Plane:
    """Plane through the images.

    Attributes:
        name: name of the panel; empty for a 2-D image.
        across: axis drawn from left to right.
        up: axis drawn from bottom to top.
        normal: axis perpendicular to the plane; None for a 2-D image.
        index: voxel index of the plane along `normal` on the fixed grid.
        letters: letters for the left, right, bottom and top border.
    """

    name: str
    across: int
    up: int
    normal: int | None = None
    index: int = 0
    letters: str = ""


class Scene:
    """Images and displacement of a pair, with axes in display order.

    3-D arrays are flipped and transposed to the nearest right-anterior-superior order,
    without resampling. They are shown in three planes through the centroid of the fixed
    image. 2-D arrays are shown as pictures.

    Args:
        fixed: `Image` in 2-D or 3-D.
        moving: `Image` on the grid of `fixed`.
        warped: `Image` on the grid of `fixed`.
        displacement: array `(*spatial, D)` in voxels of its grid, which covers the
            field of view of `fixed` at any resolution.

    Attributes:
        names: names of the images.
        planes: the `Plane`s to show, three in 3-D and one in 2-D.
        size: millimeters that the images cover along each display axis, `(D,)`.
        voxel: millimeters between voxels of the displacement, `(D,)`.
        unit: unit of all lengths: `"mm"`, or `"pixel"` if pixel sizes are unknown.

    Raises:
        ValueError: If the shapes do not match.
    """

    names = ("fixed", "moving", "warped")

    def __init__(self, fixed, moving, warped, displacement):
        displacement = np.asarray(displacement)
        _check_shapes(fixed, moving, warped, displacement)
        turn = fixed.grid.reorientation(DISPLAY[fixed.grid.ndim]).astype(int)
        # Display axis k is array axis source[k], flipped where flips[k] is -1.
        source = np.argsort(turn[:, 0])
        self._source, self._flips = source, turn[source, 1].astype("float32")
        images = {
            name: nib.apply_orientation(image.array, turn)
            for name, image in zip(self.names, (fixed, moving, warped), strict=True)
        }
        # The warped image has the intensities, and therefore the window, of the moving.
        windows = {name: _window(images[name]) for name in ("fixed", "moving")}
        windows["warped"] = windows["moving"]
        self._images, self._windows = images, windows
        self.shape = images["fixed"].shape
        self.size = fixed.grid.extent[source]
        self.unit = fixed.grid.unit
        # The components are permuted only after slicing, to copy less.
        self._field = nib.apply_orientation(displacement, turn)
        self.voxel = self.size / self._field.shape[:-1]
        self.planes = _planes(_centroid(images["fixed"], windows["fixed"]))

    def through(self, *voxel):
        """Copy the scene with planes through another voxel.

        Args:
            voxel: index along each display axis: to right, anterior and superior.

        Returns:
            A `Scene`.
        """
        other = copy.copy(self)
        other.planes = _planes(voxel)
        return other

    def extent(self, plane):
        """Return the width and height of a plane in mm."""
        return self.size[plane.across], self.size[plane.up]

    def picture(self, name, plane):
        """Return a slice of the image `name`, `(up, across)`, scaled to [0, 1]."""
        return _rescaled(self._cut(self._images[name], plane), *self._windows[name])

    def moved_lattice(self, plane):
        """Map the voxel centers of a plane by the displacement.

        Returns:
            Points `(up, across, 2)` in mm from the lower left corner, and the length
            in mm of each displacement, `(up, across)`.
        """
        moved = self._components(self._cut(self._field, plane)) * self.voxel
        rows, columns = moved.shape[:2]
        x = (np.arange(columns) + 0.5) * self.voxel[plane.across]
        y = (np.arange(rows) + 0.5) * self.voxel[plane.up]
        points = np.stack(np.meshgrid(x, y), axis=-1)
        return (
            points + moved[..., [plane.across, plane.up]],
            np.linalg.norm(moved, axis=-1),
        )

    def jacobian(self, plane):
        """Compute the Jacobian determinant in a plane, `(up, across)`."""
        field, axis = self._field, plane.normal
        if axis is not None:
            # Central differences need only the two neighboring slices.
            index = self._index(plane, field.shape[axis])
            first = max(index - 1, 0)
            field = field[_along(axis, slice(first, index + 2))]
        field = np.ascontiguousarray(self._components(field)[None], "float32")
        determinant = keras.ops.convert_to_numpy(jacobian_determinant(field))[0]
        if axis is not None:
            determinant = determinant[_along(axis, index - first)]
        return _upright(determinant, plane)

    def _components(self, field):
        return field[..., self._source] * self._flips

    def _index(self, plane, size):
        """Return the index of a plane in an array of `size` slices of the same view."""
        position = (plane.index + 0.5) * size / self.shape[plane.normal] - 0.5
        return int(np.clip(np.rint(position), 0, size - 1))

    def _cut(self, array, plane):
        if plane.normal is not None:
            index = self._index(plane, array.shape[plane.normal])
            array = array[_along(plane.normal, index)]
        return _upright(array, plane)


def _along(axis, index):
    # ndarray.take would first copy the whole transposed volume.
    return (slice(None),) * axis + (index,)


def _upright(array, plane):
    return array if plane.across > plane.up else np.swapaxes(array, 0, 1)


def _check_shapes(fixed, moving, warped, displacement):
    shape = fixed.array.shape
    for name, image in (("moving", moving), ("warped", warped)):
        if image.array.shape != shape:
            raise ValueError(
                f"`{name}` must be on the grid of the fixed image, of shape {shape}; "
                f"resample it. Received: {name} of shape {image.array.shape}"
            )
    if displacement.ndim != len(shape) + 1 or displacement.shape[-1] != len(shape):
        raise ValueError(
            "`displacement` must be of shape (*spatial, D) with "
            f"D={len(shape)} components. Received: shape {displacement.shape}"
        )


def _window(array):
    """Compute a robust range of intensities from every third voxel along each axis."""
    sample = array[(slice(None, None, 3),) * array.ndim]
    low, high = np.percentile(sample[np.isfinite(sample)], [0.5, 99.5])
    return low, max(high, low + 1e-6)


def _rescaled(values, low, high):
    return np.clip((values.astype("float32") - low) / (high - low), 0.0, 1.0)


def _planes(voxel):
    if len(voxel) == 2:
        return [Plane("", across=1, up=0)]
    x, y, z = voxel
    return [
        Plane("axial", 0, 1, 2, z, "LRPA"),
        Plane("coronal", 0, 2, 1, y, "LRIS"),
        Plane("sagittal", 1, 2, 0, x, "PAIS"),
    ]


def _centroid(array, window):
    """Compute the voxel index of the centroid of bright voxels, from every third."""
    sample = _rescaled(array[(slice(None, None, 3),) * array.ndim], *window)
    center = np.argwhere(sample >= sample.mean()).mean(axis=0)
    return [int(i) for i in np.rint(3 * center)]
