"""Results of registrations."""

import functools
import json
import time

import numpy as np
from keras import ops as kops

from kregzoo.metrics import folded_percent, sd_log_j
from kregzoo.report import Scene, build_report, build_summary, draw
from kregzoo.spatial import DisplacementTransform, Image, as_aligned_image, lift
from kregzoo.spatial.labels import choose_interpolation
from kregzoo.spatial.sampling import sample_indices
from kregzoo.utils.files import as_path, atomic_folder

NO_OVERLAP = "no overlap"
FILES = ("warped.nii.gz", "transform.h5", "metrics.json", "report.html")

# Width in mm of the margin around the canonical grid in which a field falls to zero.
MARGIN = 16.0


class Registration:
    """Result of a registration: a pair of images and the transform that aligns them.

    Args:
        moving: the moving `Image`, as it was given.
        fixed: the fixed `Image`, as it was given.
        transform: world transform from fixed to moving.
        seconds: dict of the seconds that each stage took.
        predicted_inverse: world transform from moving to fixed that the method
            predicted. None if the method predicts only one direction.

    Attributes:
        warnings: list of str. Reasons not to trust the result, found by the registrar.
        warped: the moving image, resampled on the fixed grid by the transform.
        metrics: dict of numbers: `ncc_before` and `ncc`, which are `"no overlap"` if
            the images do not overlap; `folded_percent` and `sd_log_j` of a deformable
            transform on the fixed grid; `warnings`; and `seconds` by stage.
    """

    def __init__(self, moving, fixed, transform, seconds, predicted_inverse=None):
        self.moving = moving
        self.fixed = fixed
        self.transform = transform
        self.seconds = seconds
        self.predicted_inverse = predicted_inverse
        self.warnings = []

    def __repr__(self):
        return (
            f"<{type(self).__name__} of {self._name('moving')} "
            f"to {self._name('fixed')}>"
        )

    def _repr_html_(self):
        return build_summary(self.scene, self.metrics)

    @functools.cached_property
    def warped(self):
        return self.apply(self.moving, interpolation="linear")

    @functools.cached_property
    def metrics(self):
        metrics = {
            "ncc_before": self._ncc(self._moving_on_fixed, None),
            "ncc": self._ncc(self.warped, self.transform),
        }
        if any(part.grid is not None for part in self._parts):
            displacement = self.transform.displacement_on(self.fixed.grid)
            metrics["folded_percent"] = folded_percent(displacement)
            metrics["sd_log_j"] = sd_log_j(displacement)
        return {**metrics, "warnings": self.warnings, "seconds": self.seconds}

    def apply(self, image, interpolation=None):
        """Warp an image of the moving space onto the fixed grid.

        Args:
            image: path, nibabel image, array or `Image`: the moving image, or an image
                aligned with it, for example its labels. An array must have the shape of
                the moving image.
            interpolation: `"linear"`, or `"nearest"` for labels. By default, it is
                guessed from the voxel values, with a warning if the image looks like
                labels.

        Returns:
            An `Image` on the fixed grid.
        """
        image = as_aligned_image(self.moving, image, "image")
        interpolation = interpolation or choose_interpolation(image)
        return self.transform.apply(image, self.fixed.grid, interpolation)

    def apply_points(self, points):
        """Map landmarks of the fixed image to the moving one.

        Args:
            points: array `(N, D)` in RAS mm of the fixed image. If both files have a
                single slice, points may be 2-D or 3-D.

        Returns:
            float64 array `(N, D)` in RAS mm of the moving image.
        """
        if np.shape(points)[-1:] == (3,):
            return self.world_transform.apply_points(points)
        return self.transform.apply_points(points)

    @property
    def world_transform(self):
        """The transform in file space, which is 3-D for files of a single slice."""
        return lift(self.transform, self.fixed.grid, self.moving.grid)

    def save(self, directory):
        """Write warped image, ITK transform, metrics and report into a folder.

        Args:
            directory: path, created if it does not exist. The files are written
                atomically.

        Returns:
            Paths of `warped.nii.gz`, `transform.h5` (an ITK composite from fixed to
            moving, to resample the raw moving file), `metrics.json` and `report.html`.
        """
        metrics = json.dumps(self.metrics, indent=2) + "\n"
        with atomic_folder(directory) as folder:
            paths = [folder / name for name in FILES]
            self.warped.write(paths[0])
            self.world_transform.save(paths[1])
            paths[2].write_text(metrics, encoding="utf-8")
            paths[3].write_text(self.to_html(), encoding="utf-8")
        return [as_path(directory) / name for name in FILES]

    def to_html(self, title=None):
        """Build the report, a self-contained HTML page.

        Args:
            title: str. The heading. By default, it names the images.

        Returns:
            The page as a str.
        """
        title = title or f"{self._name('moving')} registered to {self._name('fixed')}"
        return build_report(*self._views, self.metrics, title)

    def plot(self, kind="overlay"):
        """Draw the registration.

        Args:
            kind: `"overlay"`, `"checkerboard"`, `"difference"`, `"grid"` or
                `"jacobian"`.

        Returns:
            A matplotlib figure.
        """
        return draw(self.scene, kind)

    @functools.cached_property
    def scene(self):
        """The `kregzoo.report.Scene` of both images, for slices through any voxel."""
        return Scene(*self._views)

    def _ncc(self, resampled, transform):
        """Correlate the fixed image with the moving one, resampled by a transform."""
        value = _ncc(self.fixed.array, resampled.array)
        # Without overlap, the resampled image is constant and `_ncc` returns 0.
        if value == 0.0 and not self._overlap(transform):
            return NO_OVERLAP
        return value

    def _overlap(self, transform):
        inside = Image(np.ones(self.moving.grid.shape, "uint8"), self.moving.grid)
        return inside.resample(self.fixed.grid, transform, "nearest").array.any()

    @property
    def _parts(self):
        return getattr(self.transform, "transforms", [self.transform])

    @functools.cached_property
    def _moving_on_fixed(self):
        return self.moving.resample(self.fixed.grid, fill="background")

    @functools.cached_property
    def _views(self):
        spacing = 2 * self.fixed.grid.spacing
        return (
            self.fixed,
            self._moving_on_fixed,
            self.warped,
            # Half the resolution looks the same at 1/8 of the cost.
            self.transform.displacement_on(self.fixed.grid.resampled(spacing)),
        )

    def _name(self, role):
        return getattr(self, role).name or f"the {role} image"


class Timer:
    """Measure the seconds of each stage.

    Example:
        >>> timer = Timer()
        >>> timer.lap("affine")
        >>> sorted(timer.seconds())
        ['affine', 'total']
    """

    def __init__(self):
        self._start = self._last = time.perf_counter()
        self._laps = {}

    def lap(self, stage):
        """Add the seconds since the last lap to those of a stage."""
        now = time.perf_counter()
        earlier = self._laps.get(stage, 0.0)
        self._laps[stage] = round(earlier + now - self._last, 3)
        self._last = now

    def seconds(self):
        """Return the seconds of each stage, and the `total`."""
        return {**self._laps, "total": round(time.perf_counter() - self._start, 3)}


def field_transform(field, grid, kind=DisplacementTransform):
    """Make the world transform of a field on a canonical grid.

    Around the grid, the field falls to zero over `MARGIN` mm. A field that ended at the
    border would tear or fold the image there.

    Args:
        field: tensor `(1, *spatial, D)` in voxels.
        grid: the `Grid` of the field.
        kind: `DisplacementTransform` or `VelocityTransform`.

    Returns:
        A transform of that kind.
    """
    widths = np.ceil(MARGIN / grid.spacing).astype(int)
    padding = [(width, width) for width in widths] + [(0, 0)]
    field = np.pad(kops.convert_to_numpy(field)[0], padding, mode="linear_ramp")
    return kind(field, grid.padded(widths))


def _ncc(fixed, other):
    """Compute the correlation coefficient from a sample of the voxels."""
    sample = sample_indices(fixed.size, 1_000_000)
    fixed, other = (np.ravel(x)[sample].astype("float64") for x in (fixed, other))
    if fixed.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(fixed, other)[0, 1])
