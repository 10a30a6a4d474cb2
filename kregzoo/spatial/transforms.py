"""Transforms of world space, from a fixed image to a moving image.

A transform takes a point of the fixed image, in RAS millimeters, to the corresponding
point of the moving image. Images are therefore pulled: the warped image at `x` is the
moving image at `transform(x)`. `apply_points` takes landmarks of the fixed image.
"""

import functools
import os

import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.spatial import itk
from kregzoo.spatial.grid import Grid, apply_affine, change_frame
from kregzoo.spatial.image import as_image
from kregzoo.spatial.labels import choose_interpolation
from kregzoo.utils.files import atomic

LINEAR_SUFFIXES = (".tfm", ".txt")
FIELD_SUFFIXES = (".nii.gz", ".nii", ".mha", ".nrrd")


class Transform:
    """Base class of transforms.

    A subclass sets `ndim`, and `grid` if it has one, and defines
    `_map(coordinates, frame)`, `inverse()` and `to_itk()`. Points are passed as voxel
    coordinates `(..., D)` with the affine `frame` to the world, so that an affine
    transform only changes the frame.
    """

    grid = None

    def apply_points(self, points):
        """Take points of the fixed image to the moving image.

        Args:
            points: World positions in RAS mm, `(N, D)`.

        Returns:
            World positions in RAS mm, `(N, D)` of float64.

        Raises:
            ValueError: If `points` has another shape or is not finite.
        """
        points = np.asarray(points, "float64")
        if points.ndim != 2 or points.shape[1] != self.ndim:
            raise ValueError(
                f"`points` must be (N, {self.ndim}), in RAS mm. "
                f"Received: points of shape {points.shape}"
            )
        if not np.isfinite(points).all():
            count = np.count_nonzero(~np.isfinite(points).all(axis=1))
            raise ValueError(
                "`points` must be finite; leave out landmarks that were not found. "
                f"Received: {count} points with NaN or infinity"
            )
        if not len(points):
            return points
        coordinates, frame = self._map(points, np.eye(self.ndim + 1))
        return apply_affine(frame, coordinates)

    def apply(self, image, grid=None, interpolation=None, fill="background"):
        """Warp an image of the moving space to the fixed space.

        The image is interpolated once.

        Args:
            image: `Image`, path, nibabel image or array in the moving image's space.
            grid: `Grid` of the result. Defaults to the transform's grid.
            interpolation: `"linear"`, or `"nearest"` for labels. Defaults to what the
                voxels look like, with a warning if they look like labels.
            fill: Value outside the image: `"background"`, `"zeros"` or `"border"`,
                see `Image.resample`.

        Returns:
            An `Image` on `grid`.

        Raises:
            ValueError: If no grid is given and the transform has none.
        """
        grid = self.grid if grid is None else grid
        if grid is None:
            raise ValueError(
                "`grid` is required, because this transform has none: give the grid of "
                "the fixed image. Received: grid=None"
            )
        image = as_image(image, "image", allow_labels=True)
        interpolation = interpolation or choose_interpolation(image)
        return image.resample(grid, self, interpolation, fill)

    def coordinates(self, grid, other):
        """Map the voxels of a grid to voxel coordinates of another grid.

        Args:
            grid: `Grid` in the fixed space.
            other: `Grid` in the moving space. A 3-D transform also accepts two grids
                of slices that have a `plane`.

        Returns:
            Voxel coordinates in `other`, `(*grid.shape, D)` of float32.
        """
        if self.ndim == 3 and grid.volume and other.volume:
            found = self.coordinates(grid.volume, other.volume)
            found = found.squeeze(axis=grid.plane.axis)
            return np.delete(found, other.plane.axis, axis=-1)
        if grid.ndim != self.ndim or other.ndim != self.ndim:
            raise ValueError(
                f"This transform is {self.ndim}-D. "
                f"Received: grids of {grid.ndim} and {other.ndim} dimensions"
            )
        start = grid.coordinates_in(grid)
        return change_frame(*self._map(start, grid.affine), other.affine)

    def displacement_on(self, grid):
        """Sample the transform as a displacement field.

        Args:
            grid: `Grid` in the fixed space.

        Returns:
            Displacements in voxels of `grid`, `(*grid.shape, D)` of float32.
        """
        return self.coordinates(grid, grid) - grid.coordinates_in(grid)

    def compose(self, other):
        """Chain two transforms: `other` is applied to the result of this one."""
        return CompositeTransform([self, other])

    def save(self, path):
        """Write the transform in a format that ITK, ANTs and 3D Slicer read.

        Args:
            path: File to write, which appears only when it is complete. `.h5` stores
                every transform; `.tfm` and `.txt` store an affine; `.nii.gz`, `.nii`,
                `.mha` and `.nrrd` store a displacement field in millimeters, sampled
                on the transform's grid. A velocity is stored as its displacement.

        Raises:
            ValueError: If the format is unknown, or cannot store the transform.
        """
        name = os.fspath(path).lower()
        if name.endswith(FIELD_SUFFIXES) and self.grid is not None:
            field = itk.to_field(self.displacement_on(self.grid), self.grid)
            with atomic(path) as temporary:
                itk.write(field, temporary)
        elif name.endswith(".h5") or (
            name.endswith(LINEAR_SUFFIXES) and self.to_itk().IsLinear()
        ):
            with atomic(path) as temporary:
                itk.write_transform(self.to_itk(), temporary)
        else:
            raise ValueError(
                f"The format cannot store a {type(self).__name__}: .h5 stores every "
                f"transform, {LINEAR_SUFFIXES} an affine, {FIELD_SUFFIXES} one with a "
                f"grid. Received: path={os.fspath(path)!r}"
            )


class AffineTransform(Transform):
    """Affine map of world space.

    Args:
        matrix: Homogeneous matrix `(D + 1, D + 1)` from RAS mm of the fixed image to
            RAS mm of the moving image.

    Raises:
        ValueError: If the matrix has the wrong shape, is not finite, or is singular.

    Example:
        >>> shift = AffineTransform([[1, 0, 5], [0, 1, 0], [0, 0, 1]])
        >>> shift.apply_points([[1.0, 2.0]])
        array([[6., 2.]])
    """

    def __init__(self, matrix):
        matrix = np.array(matrix, "float64")
        try:
            # The affine of a grid must be an invertible homogeneous matrix, too.
            Grid((1,) * (len(matrix) - 1), matrix)
        except (ValueError, TypeError) as error:
            raise ValueError(
                "`matrix` must be a finite, invertible homogeneous matrix, (3, 3) or "
                f"(4, 4). Received: matrix={matrix.tolist()}"
            ) from error
        self.matrix = matrix
        self.ndim = len(matrix) - 1

    def _map(self, coordinates, frame):
        return coordinates, self.matrix @ frame

    def inverse(self):
        """Return the affine transform from the moving to the fixed image."""
        return AffineTransform(np.linalg.inv(self.matrix))

    def to_itk(self):
        """Convert to a `SimpleITK.AffineTransform`."""
        return itk.to_affine(self.matrix)


class DisplacementTransform(Transform):
    """Displacement field on a grid. Outside the grid it is zero, as in ITK.

    Args:
        displacement: Displacements in voxels of `grid`, `(*grid.shape, D)`, as returned
            by networks.
        grid: `Grid` of the field, in the fixed space.

    Raises:
        ValueError: If the field does not fit the grid or is not finite.

    Example:
        >>> grid = Grid.centered((8, 8), spacing=2.0, orientation="RA")
        >>> shift = DisplacementTransform(np.ones((8, 8, 2)), grid)
        >>> shift.apply_points([[0.0, 1.0]])
        array([[2., 3.]])
    """

    def __init__(self, displacement, grid):
        self.displacement = _checked_field(displacement, grid, "displacement")
        self.grid = grid
        self.ndim = grid.ndim

    @functools.cached_property
    def _sampler(self):
        # Cached, because images are resampled in several slabs.
        return ops.Sampler(self.displacement, fill="zeros")

    def _map(self, coordinates, frame):
        coordinates = change_frame(coordinates, frame, self.grid.affine)
        return coordinates + self._sampler(coordinates), self.grid.affine

    def inverse(self):
        """Invert the field by fixed-point iteration.

        The iteration may not converge where the displacement changes by a voxel or more
        between neighboring voxels. The result is an approximation there.

        Returns:
            A `DisplacementTransform` on the same grid.

        Raises:
            ValueError: If the field folds, because it has no inverse then.
        """
        field = self.displacement[np.newaxis]
        volume = kops.convert_to_numpy(ops.jacobian_determinant(field))
        if volume.min() <= 0:
            raise ValueError(
                "A displacement that folds has no inverse; a velocity always has one. "
                f"Received: {np.mean(volume <= 0):.3%} of voxels folded"
            )
        inverse = kops.convert_to_numpy(ops.invert(field))[0]
        return DisplacementTransform(inverse, self.grid)

    def to_itk(self):
        """Convert to a `SimpleITK.DisplacementFieldTransform`."""
        return itk.to_displacement_field_transform(self.displacement, self.grid)


class VelocityTransform(DisplacementTransform):
    """Stationary velocity field, integrated over unit time by scaling and squaring.

    Args:
        velocity: Voxels of `grid` per unit time, `(*grid.shape, D)`.
        grid: `Grid` of the field, in the fixed space.
        steps: Number of squarings.

    Example:
        >>> grid = Grid.centered((8, 8))
        >>> transform = VelocityTransform(np.full((8, 8, 2), 0.5), grid)
        >>> transform.inverse().displacement[4, 4]
        array([-0.5, -0.5], dtype=float32)
    """

    def __init__(self, velocity, grid, steps=7):
        self.velocity = _checked_field(velocity, grid, "velocity")
        self.steps = steps
        displacement = ops.integrate(self.velocity[np.newaxis], steps)
        super().__init__(kops.convert_to_numpy(displacement)[0], grid)

    def inverse(self):
        """Return the transform of the negative velocity."""
        return VelocityTransform(-self.velocity, self.grid, self.steps)


class CompositeTransform(Transform):
    """Sequence of transforms. An image is interpolated only once.

    Args:
        transforms: The transforms in the order in which they map points: the first
            takes points of the fixed image. Composites are replaced by their parts.

    Raises:
        ValueError: If there are no transforms, or they differ in their dimensions.

    Example:
        >>> shift = AffineTransform([[1, 0, 5], [0, 1, 0], [0, 0, 1]])
        >>> double = AffineTransform([[2, 0, 0], [0, 2, 0], [0, 0, 1]])
        >>> CompositeTransform([shift, double]).apply_points([[1.0, 2.0]])
        array([[12.,  4.]])
    """

    def __init__(self, transforms):
        self.transforms = [
            part
            for transform in transforms
            for part in getattr(transform, "transforms", [transform])
        ]
        dimensions = {transform.ndim for transform in self.transforms}
        if len(dimensions) != 1:
            raise ValueError(
                "`transforms` must hold one or more transforms, all 2-D or all 3-D. "
                f"Received: transforms of dimensions {sorted(dimensions)}"
            )
        self.ndim = dimensions.pop()
        # The grids of later transforms lie in another space.
        self.grid = self.transforms[0].grid

    def _map(self, coordinates, frame):
        for transform in self.transforms:
            coordinates, frame = transform._map(coordinates, frame)
        return coordinates, frame

    def inverse(self):
        """Return the inverses in reverse order."""
        return CompositeTransform([part.inverse() for part in self.transforms[::-1]])

    def to_itk(self):
        """Convert to a `SimpleITK.CompositeTransform`."""
        return itk.to_composite([part.to_itk() for part in self.transforms])


def from_itk(transform):
    """Convert a SimpleITK transform.

    Args:
        transform: A linear `SimpleITK.Transform`, a `DisplacementFieldTransform`, or a
            `CompositeTransform` of these.

    Returns:
        A `Transform`.

    Raises:
        ValueError: If the transform has another type.
    """
    transform = transform.Downcast()
    if transform.GetName() == "CompositeTransform":
        return CompositeTransform([from_itk(part) for part in itk.parts(transform)])
    if transform.IsLinear():
        return AffineTransform(itk.from_linear(transform))
    if transform.GetName() == "DisplacementFieldTransform":
        return _from_field(transform.GetDisplacementField())
    raise ValueError(
        "`transform` must be linear, a displacement field, or a composite of these: "
        "convert others with SimpleITK.TransformToDisplacementField. "
        f"Received: {transform.GetName()}"
    )


def read_transform(path):
    """Read a transform written by ITK, ANTs, 3D Slicer or `Transform.save`.

    Args:
        path: ITK transform file (`.h5`, `.tfm`, `.txt`, `.mat` of ANTs), or an image of
            displacements in LPS mm (`.nii.gz`, `.nii`, `.mha`, `.nrrd`).

    Returns:
        A `Transform`.

    Raises:
        ValueError: If the file does not exist or does not hold such a transform.
    """
    if os.fspath(path).lower().endswith(FIELD_SUFFIXES):
        return _from_field(itk.read_field(path))
    return from_itk(itk.read_transform(path))


def _from_field(image):
    vectors, affine = itk.from_field(image)
    grid = Grid(vectors.shape[:-1], affine)
    return DisplacementTransform(
        vectors @ np.linalg.inv(affine[:-1, :-1]).T.astype("float32"), grid
    )


def _checked_field(field, grid, argument):
    field = np.asarray(field, "float32")
    if field.shape != (*grid.shape, grid.ndim):
        raise ValueError(
            f"`{argument}` must be {(*grid.shape, grid.ndim)} to fit its grid. "
            f"Received: {argument} of shape {field.shape}"
        )
    if not np.isfinite(field).all():
        raise ValueError(
            f"`{argument}` must be finite. "
            f"Received: {np.count_nonzero(~np.isfinite(field))} values that are not"
        )
    return field
