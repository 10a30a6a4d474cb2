"""Cases that are pairs of images, and transforms that methods wrote."""

import abc
import dataclasses
import pathlib

import numpy as np

from kregzoo.metrics.registry import measured_on
from kregzoo.protocols.protocol import Case, rows_of
from kregzoo.spatial import CompositeTransform, Image, LabelMap, read_transform
from kregzoo.spatial.transforms import Transform

# Number of voxels of a region over which the error is averaged.
POINTS = 5000


@dataclasses.dataclass(frozen=True)
class WrittenTransform:
    """Files of the transform of a method.

    The transform is read from disk, so that it is the same that a user of the method
    gets.

    Args:
        paths: list of paths, in the order in which the transforms map points of the
            fixed image.
        inverse_path: path of the inverse transform, if the method predicts it.
    """

    paths: list
    inverse_path: pathlib.Path | None = None

    def read(self):
        """Read the transform from fixed to moving world."""
        return CompositeTransform([read_transform(path) for path in self.paths])

    def read_inverse(self):
        """Read the inverse transform, or return None if there is none."""
        return read_transform(self.inverse_path) if self.inverse_path else None


class PairCase(Case):
    """Two images to register.

    Attributes:
        moving: path of the moving image.
        fixed: path of the fixed image.
    """

    def run(self, method, folder):
        return method.run(self.moving, self.fixed, folder)

    def measure(self, answer):
        return self.measure_transform(answer.read(), answer.read_inverse())

    @abc.abstractmethod
    def measure_transform(self, transform, inverse=None):
        """Measure how well a transform aligns the pair.

        Args:
            transform: the world transform from fixed to moving.
            inverse: the predicted inverse transform, if any.

        Returns:
            List of dicts of `label`, `metric` and `value`.
        """


@dataclasses.dataclass(frozen=True)
class GroundTruthPair(PairCase):
    """Two images whose true transform is known.

    Args:
        name: str. The pair.
        moving: path of the moving image.
        fixed: path of the fixed image.
        ground_truth: the transform from fixed to moving world.
        region: path of the label map of the fixed image. The error is measured over the
            first structure. Defaults to the voxels brighter than the mean.
        persons: tuple of str, see `Case`.
        group: str.
    """

    name: str
    moving: pathlib.Path
    fixed: pathlib.Path
    ground_truth: Transform
    region: pathlib.Path | None = None
    persons: tuple = ()
    group: str = ""

    def measure_transform(self, transform, inverse=None):
        """Measure the distance of a transform from the ground truth.

        Args:
            transform: the world transform from fixed to moving.
            inverse: ignored.

        Returns:
            List of dicts of `label`, None, `metric` and `value`: the metrics on points,
            for voxels of the region.
        """
        if self.region is None:
            fixed = Image.read(self.fixed)
            mask = fixed.array > fixed.array.mean()
        else:
            fixed = LabelMap.read(self.region)
            mask = fixed.mask(min(fixed.labels()))
        points = region_points(mask, fixed.grid)
        mapped, true = (t.apply_points(points) for t in (transform, self.ground_truth))
        return rows_of({m.name: m.compute(mapped, true) for m in measured_on("points")})


def save_registration(result, folder):
    """Write the warped image and the transforms of a registration.

    Args:
        result: the `Registration`.
        folder: folder to write to.

    Returns:
        A `WrittenTransform`.
    """
    inverse = None
    if result.predicted_inverse is not None:
        inverse = folder / "inverse.h5"
        result.predicted_inverse.save(inverse)
    return write_answer(result.transform, result.moving, result.fixed, folder, inverse)


def write_answer(transform, moving, fixed, folder, inverse_path=None):
    """Write a transform and the moving image that it warps.

    Args:
        transform: the world transform from fixed to moving.
        moving: the moving `Image`.
        fixed: the fixed `Image`.
        folder: folder to write to.
        inverse_path: path of the inverse transform, if it was written.

    Returns:
        A `WrittenTransform`.
    """
    warped = transform.apply(moving, fixed.grid, "linear")
    warped.write(folder / "warped.nii.gz")
    transform.save(folder / "transform.h5")
    return WrittenTransform([folder / "transform.h5"], inverse_path)


def region_points(mask, grid):
    """Return world positions `(N, D)` of voxels spread evenly over a region."""
    index = np.argwhere(mask)
    return grid.voxel_to_world(index[:: max(1, len(index) // POINTS)])
