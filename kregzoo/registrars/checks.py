"""Signs that a registration cannot be trusted.

The checks need no labels. They use a sample of positions in the bounding box of the
fixed image's foreground, so that they take little time.
"""

import dataclasses
import warnings

import numpy as np

from kregzoo.spatial.image_features import image_features, unusual_features
from kregzoo.spatial.preprocessing import FOREGROUND, foreground_box

POSITIONS = 20_000
BINS = 32
# Limits. The similarity of a good registration of MR and ultrasound fell by 0.004.
LOST_SIMILARITY, FOLDED_PERCENT, COVERED_PERCENT = 0.005, 1.0, 50.0


class RegistrationWarning(UserWarning):
    """Warning that the result of a registration cannot be trusted."""


@dataclasses.dataclass(frozen=True)
class Checks:
    """What a registration did at a sample of positions.

    Args:
        similarity_before: float. Normalized mutual information of both images before
            the registration, from 1 to 2 (Studholme, Hill and Hawkes, "An overlap
            invariant entropy measure of 3D medical image alignment", 1999).
        similarity: float. The same after the registration.
        folded_percent: float. Percentage of the fixed foreground where the transform
            folds.
        covered_percent: float. Percentage of the fixed foreground that the transform
            maps into the moving image.
    """

    similarity_before: float
    similarity: float
    folded_percent: float
    covered_percent: float

    def warnings(self):
        """List the reasons not to trust the registration, as sentences."""
        found = []
        if self.similarity < self.similarity_before - LOST_SIMILARITY:
            found.append(
                "The images are less similar after the registration: their normalized "
                f"mutual information is {self.similarity:.3f}, and was "
                f"{self.similarity_before:.3f}."
            )
        if self.folded_percent > FOLDED_PERCENT:
            found.append(
                f"The transform folds in {self.folded_percent:.1f} % of the fixed "
                "foreground, and has no inverse there."
            )
        if self.covered_percent < COVERED_PERCENT:
            found.append(
                f"Only {self.covered_percent:.0f} % of the fixed foreground lies in "
                "the moving image."
            )
        return found


def judge(registration, pair, timer, features=None):
    """Check a registration, and warn if it cannot be trusted.

    Args:
        registration: the `Registration`. It gets the warnings and the seconds.
        pair: the `CanonicalPair` that was registered.
        timer: the `Timer` of the registration.
        features: dict of the ranges of the features of the training images, by role.
            Defaults to any images.

    Returns:
        The `Registration`.
    """
    start = pair.initial if pair.started else None
    checks = check(pair.moving, pair.fixed, registration.transform, start)
    registration.warnings = [*_unlike(pair, features or {}), *checks.warnings()]
    timer.lap("checks")
    registration.seconds = timer.seconds()
    for message in registration.warnings:
        warnings.warn(message, RegistrationWarning, stacklevel=3)
    return registration


def check(moving, fixed, transform, start=None):
    """Check a registration at a sample of positions.

    Args:
        moving: the moving `Image`, with intensities in [0, 1].
        fixed: the fixed `Image`, likewise.
        transform: world transform from fixed to moving.
        start: world transform before the registration. Defaults to the identity.

    Returns:
        `Checks`.

    Example:
        >>> from kregzoo.spatial import AffineTransform, Image
        >>> blob = np.exp(-np.linspace(-2, 2, 32) ** 2)
        >>> image = Image.from_array(np.multiply.outer(blob, blob))
        >>> check(image, image, AffineTransform(np.eye(3))).similarity
        2.0
    """
    rng = np.random.default_rng(0)
    points = rng.uniform(*foreground_box(fixed), (POSITIONS, fixed.grid.ndim))
    values = _values(fixed, points)
    foreground = values > FOREGROUND
    before = points if start is None else start.apply_points(points)
    after = transform.apply_points(points)
    folded = _folds(transform, points[foreground], fixed.grid.spacing.min())
    return Checks(
        similarity_before=_similarity(values, _values(moving, before)),
        similarity=_similarity(values, _values(moving, after)),
        folded_percent=100 * float(folded.mean()),
        covered_percent=100 * float(_inside(moving.grid, after[foreground]).mean()),
    )


def _unlike(pair, features):
    """Say how the images of a pair differ from those of the training."""
    for role, ranges in features.items():
        found = unusual_features(image_features(getattr(pair, role)), ranges)
        if found:
            yield (
                f"The {role} image is unlike the training images: {'; '.join(found)}."
            )


def _values(image, points):
    """Interpolate an image at points, with 0 outside of it."""
    from scipy import ndimage

    coordinates = image.grid.world_to_voxel(points).T
    return ndimage.map_coordinates(image.array, coordinates, order=1, cval=0.0)


def _similarity(values, others):
    """Compute the normalized mutual information of intensities in [0, 1]."""
    joint, _, _ = np.histogram2d(values, others, BINS, [(0, 1), (0, 1)])
    joint /= joint.sum()
    both = _entropy(joint)
    if both == 0:
        return 1.0
    return (_entropy(joint.sum(0)) + _entropy(joint.sum(1))) / both


def _entropy(probabilities):
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())


def _folds(transform, points, step):
    """Find the points where the transform inverts the orientation of small steps."""
    corner = transform.apply_points(points)
    edges = [
        transform.apply_points(points + step * axis) - corner
        for axis in np.eye(points.shape[1])
    ]
    return np.linalg.det(np.stack(edges, axis=-1)) <= 0


def _inside(grid, points):
    coordinates = grid.world_to_voxel(points)
    limits = np.array(grid.shape) - 0.5
    return ((coordinates >= -0.5) & (coordinates <= limits)).all(axis=1)
