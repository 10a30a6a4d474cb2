"""One registered pair, cut into the planes that figures show."""

import copy
import dataclasses

import keras
import nibabel as nib
import numpy as np

from kregzoo.ops import jacobian_determinant

# In a plane the first axis runs up the page; in a picture, rows run down as in files.
DISPLAY = {2: "AL", 3: "RAS"}


@dataclasses.dataclass(frozen=True)
class Plane:
    """A slice through the images: which axes it shows and where it cuts.

    Attributes:
        name: What the panel is called; empty for a 2-D image.
        across: The axis drawn from left to right.
        up: The axis drawn from bottom to top.
        normal: The axis cut through; None for a 2-D image.
        index: Voxel index of the cut on the fixed grid.
        letters: Letters for the left, right, bottom and top border.
    """

    name: str
    across: int
    up: int
    normal: int | None = None
    index: int = 0
    letters: str = ""


class Scene:
    """Images and displacement of a pair, axes in display order, cut on demand.

    Three-dimensional arrays are turned (flipped and transposed, never resampled) to
    the nearest right-anterior-superior order and cut in three planes through the
    centroid of the fixed image. Two-dimensional ones are shown as pictures are.

    Args:
        fixed: `Image` of D axes (2 or 3).
        moving: `Image` on the grid of `fixed`.
        warped: `Image` on the grid of `fixed`.
        displacement: `(*spatial, D)` in voxels of its own grid, which covers the
            field of view of the fixed one at any resolution.

    Attributes:
        names: What the images are called.
        planes: The `Plane`s to show, three in 3-D and one in 2-D.
        size: Millimetres that the images cover along each display axis, `(D,)`.
        voxel: Millimetres between voxels of the displacement, `(D,)`.
        unit: Unit of all lengths: `"mm"`, or `"pixel"` if pixel sizes are unknown.

    Raises:
        ValueError: The shapes do not belong together.
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
        # The warped image keeps the window of the moving one, whose values it holds.
        windows = {name: _window(images[name]) for name in ("fixed", "moving")}
        windows["warped"] = windows["moving"]
        self._images, self._windows = images, windows
        self.shape = images["fixed"].shape
        self.size = fixed.grid.extent[source]
        self.unit = fixed.grid.unit
        # Turned in space; its components are turned once cut, which copies less.
        self._field = nib.apply_orientation(displacement, turn)
        self.voxel = self.size / self._field.shape[:-1]
        self.planes = _planes(_centroid(images["fixed"], windows["fixed"]))

    def through(self, *voxel):
        """Gives the same scene with its planes through another voxel.

        Args:
            voxel: Index along each display axis: to right, anterior and superior.

        Returns:
            A `Scene`.
        """
        other = copy.copy(self)
        other.planes = _planes(voxel)
        return other

    def extent(self, plane):
        """Width and height of a plane in mm."""
        return self.size[plane.across], self.size[plane.up]

    def picture(self, name, plane):
        """Slice of the image `name`, `(up, across)`, in [0, 1] by its window."""
        return _rescaled(self._cut(self._images[name], plane), *self._windows[name])

    def moved_lattice(self, plane):
        """Where the map takes the voxel centres of a plane.

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
        """Jacobian determinant of the map in a plane, `(up, across)`."""
        field, axis = self._field, plane.normal
        if axis is not None:
            # Central differences need the two neighbouring slices and no more.
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
        """Index along the normal in an array of `size` slices over the same view."""
        position = (plane.index + 0.5) * size / self.shape[plane.normal] - 0.5
        return int(np.clip(np.rint(position), 0, size - 1))

    def _cut(self, array, plane):
        if plane.normal is not None:
            index = self._index(plane, array.shape[plane.normal])
            array = array[_along(plane.normal, index)]
        return _upright(array, plane)


def _along(axis, index):
    # Not ndarray.take, which copies the whole of a turned volume first.
    return (slice(None),) * axis + (index,)


def _upright(array, plane):
    return array if plane.across > plane.up else np.swapaxes(array, 0, 1)


def _check_shapes(fixed, moving, warped, displacement):
    shape = fixed.array.shape
    for name, image in (("moving", moving), ("warped", warped)):
        if image.array.shape != shape:
            raise ValueError(
                f"{name} must lie on the grid of the fixed image, of shape {shape}. "
                f"Received: {image.array.shape}; resample it first."
            )
    if displacement.ndim != len(shape) + 1 or displacement.shape[-1] != len(shape):
        raise ValueError(
            "displacement must be of shape (*spatial, D) with "
            f"D={len(shape)} components. Received: {displacement.shape}."
        )


def _window(array):
    """Robust range of intensities, from every third voxel along each axis."""
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
    """Voxel index of the centre of what is bright, from every third voxel."""
    sample = _rescaled(array[(slice(None, None, 3),) * array.ndim], *window)
    centre = np.argwhere(sample >= sample.mean()).mean(axis=0)
    return [int(i) for i in np.rint(3 * centre)]
