"""Transforms of world space, from a fixed image to a moving one.

A transform takes a point of the fixed image, in RAS millimetres, to the point of the
moving image that belongs there. An image is therefore pulled: the warped image at `x`
is the moving image at `transform(x)`, and landmarks of the fixed image are the ones
that `apply_points` takes.
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
    """Base of all transforms: what follows from mapping points.

    A subclass sets `ndim`, and `grid` if it has one of its own, and defines
    `_map(coordinates, frame)`, `inverse()` and `to_itk()`. Points travel as voxel
    coordinates `(..., D)` with the affine `frame` that takes them to the world, so
    that an affine transform costs no pass over the points.
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
        """Warp an image of the moving space to the fixed one, interpolating it once.

        Args:
            image: `Image`, path, nibabel image or array in the moving image's space.
            grid: `Grid` of the result. Defaults to the transform's own.
            interpolation: `"linear"`, or `"nearest"` for labels. Defaults to what the
                voxels look like, with a warning if they are taken for labels.
            fill: `"background"`, `"zeros"` or `"border"`, see `Image.resample`.

        Returns:
            An `Image` on `grid`.

        Raises:
            ValueError: If there is no grid: an affine transform has none.
        """
        grid = self.grid if grid is None else grid
        if grid is None:
            raise ValueError(
                "`grid` is needed, because this transform has none of its own; the "
                "fixed image's will do. Received: grid=None"
            )
        image = as_image(image, "image", allow_labels=True)
        interpolation = interpolation or choose_interpolation(image)
        return image.resample(grid, self, interpolation, fill)

    def coordinates(self, grid, other):
        """Find where the voxels of one grid go, in the voxels of another.

        Args:
            grid: `Grid` in the fixed space.
            other: `Grid` in the moving space. A 3-D transform takes the grids of
                slices too, if it is known where these lie in 3-D space.

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
        """Sample the transform as one displacement field.

        Args:
            grid: `Grid` in the fixed space.

        Returns:
            Displacements in voxels of `grid`, `(*grid.shape, D)` of float32.
        """
        return self.coordinates(grid, grid) - grid.coordinates_in(grid)

    def compose(self, other):
        """Chain two transforms: points go through this one, then through `other`."""
        return CompositeTransform([self, other])

    def save(self, path):
        """Write the transform in a format that ITK, ANTs and 3D Slicer read.

        Args:
            path: File to write, which appears only when complete. `.h5` takes every
                transform; `.tfm` and `.txt` take an affine; `.nii.gz`, `.nii`, `.mha`
                and `.nrrd` take one displacement field in millimetres, which the
                transform becomes on its own grid. A velocity is stored as the
                displacement that it gives.

        Raises:
            ValueError: If the format is unknown, or does not take the transform.
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
                f"A {type(self).__name__} cannot be saved so: .h5 takes every "
                f"transform, {LINEAR_SUFFIXES} an affine, {FIELD_SUFFIXES} one with a "
                f"grid. Received: path={os.fspath(path)!r}"
            )


class AffineTransform(Transform):
    """Affine map of world space.

    Args:
        matrix: Homogeneous matrix `(D + 1, D + 1)` that takes RAS mm of the fixed
            image to RAS mm of the moving image.

    Raises:
        ValueError: If the matrix is of the wrong shape, not finite, or singular.

    Example:
        >>> shift = AffineTransform([[1, 0, 5], [0, 1, 0], [0, 0, 1]])
        >>> shift.apply_points([[1.0, 2.0]])
        array([[6., 2.]])
    """

    def __init__(self, matrix):
        matrix = np.array(matrix, "float64")
        try:
            # An invertible homogeneous matrix is just what a grid's affine must be.
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
        """The affine transform from the moving image to the fixed one, exactly."""
        return AffineTransform(np.linalg.inv(self.matrix))

    def to_itk(self):
        """The same transform as a `SimpleITK.AffineTransform`."""
        return itk.to_affine(self.matrix)


class DisplacementTransform(Transform):
    """Displacement field on a grid; zero outside the grid, as in ITK.

    Args:
        displacement: Voxels of `grid` to move by along each of its axes,
            `(*grid.shape, D)`, as networks return it.
        grid: `Grid` of the field, in the fixed space.

    Raises:
        ValueError: If the field does not fit the grid or is not finite.

    Example:
        >>> grid = Grid.centred((8, 8), spacing=2.0, orientation="RA")
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
        # Made once, not for each slab of an image.
        return ops.Sampler(self.displacement, fill="zeros")

    def _map(self, coordinates, frame):
        coordinates = change_frame(coordinates, frame, self.grid.affine)
        return coordinates + self._sampler(coordinates), self.grid.affine

    def inverse(self):
        """The field that undoes this one, by fixed-point iteration.

        Where the displacement changes by as much as a voxel from one voxel to the
        next, that need not converge, and the field is an approximation.

        Returns:
            A `DisplacementTransform` on the same grid.

        Raises:
            ValueError: If the field folds, and so has no inverse.
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
        """The same transform as a `SimpleITK.DisplacementFieldTransform`."""
        return itk.to_displacement_field_transform(self.displacement, self.grid)


class VelocityTransform(DisplacementTransform):
    """Stationary velocity field, integrated over unit time by scaling and squaring.

    Args:
        velocity: Voxels of `grid` per unit time, `(*grid.shape, D)`.
        grid: `Grid` of the field, in the fixed space.
        steps: Number of squarings.

    Example:
        >>> grid = Grid.centred((8, 8))
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
        """The transform of the negative velocity."""
        return VelocityTransform(-self.velocity, self.grid, self.steps)


class CompositeTransform(Transform):
    """Transforms one after the other; an image is still interpolated only once.

    Args:
        transforms: The transforms in the order in which points go through them: the
            first takes points of the fixed image. Composites among them are unfolded.

    Raises:
        ValueError: If there are none, or of different dimensions.

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
        # A later one's lies in another space.
        self.grid = self.transforms[0].grid

    def _map(self, coordinates, frame):
        for transform in self.transforms:
            coordinates, frame = transform._map(coordinates, frame)
        return coordinates, frame

    def inverse(self):
        """The inverses in reverse order."""
        return CompositeTransform([part.inverse() for part in self.transforms[::-1]])

    def to_itk(self):
        """The same transform as a `SimpleITK.CompositeTransform`."""
        return itk.to_composite([part.to_itk() for part in self.transforms])


def from_itk(transform):
    """Make a transform of a SimpleITK one.

    Args:
        transform: Any linear `SimpleITK.Transform`, a `DisplacementFieldTransform`, or
            a `CompositeTransform` of such.

    Returns:
        A `Transform`.

    Raises:
        ValueError: If the transform is of another kind.
    """
    transform = transform.Downcast()
    if transform.GetName() == "CompositeTransform":
        return CompositeTransform([from_itk(part) for part in itk.parts(transform)])
    if transform.IsLinear():
        return AffineTransform(itk.from_linear(transform))
    if transform.GetName() == "DisplacementFieldTransform":
        return _from_field(transform.GetDisplacementField())
    raise ValueError(
        "`transform` must be linear, a displacement field, or a composite of these; "
        "make a field of any other with SimpleITK.TransformToDisplacementField. "
        f"Received: {transform.GetName()}"
    )


def read_transform(path):
    """Read a transform that ITK, ANTs, 3D Slicer or `Transform.save` wrote.

    Args:
        path: ITK transform file (`.h5`, `.tfm`, `.txt`, `.mat` of ANTs), or an image of
            displacements in LPS mm (`.nii.gz`, `.nii`, `.mha`, `.nrrd`).

    Returns:
        A `Transform`.

    Raises:
        ValueError: If the file is missing or holds no such transform.
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
