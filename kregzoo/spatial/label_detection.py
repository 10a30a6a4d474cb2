"""Tell maps of labels from images by their voxels."""

import math

import numpy as np

from kregzoo.spatial.sampling import sample_indices

# Share of equal neighbors in an object of whole numbers, along the axis where it is
# smallest: 0 to 0.35 in scans, 0.49 and more in maps of labels.
LABEL_SHARE = 0.5
# The same, to choose an interpolation: nearest neighbor harms an image less than mixing
# harms labels.
LOWEST_LABEL_SHARE = 0.4
# Number of values up to which voxels with equal neighbors are labels.
FEW_VALUES = 12
# Distance in voxels at which neighbors in an enlarged image differ, but many labels are
# equal; and the smallest ratio of both shares in maps of labels.
FAR, FAR_RATIO = 4, 1 / 6
# Share of equal voxels at this distance from which they are labels. Below it, neighbors
# that differ by one belong to a smooth image.
SMOOTH_SHARE = 0.4
# Share of voxels outside the background, below which whole numbers are landmarks.
LANDMARK_SHARE = 0.01
VALUES_SAMPLED = 200_000
NEIGHBORS_SAMPLED = 2**21


def looks_like_labels(array):
    """Check whether voxels are labels rather than intensities.

    Whole numbers are labels if most neighbors along every axis are equal, if there are
    at most two values, as in a mask, or if all but a few voxels have the same value.

    Args:
        array: Voxels `(*spatial)`.

    Returns:
        bool.

    Example:
        >>> looks_like_labels(np.kron([[0, 3], [7, 0]], np.ones((4, 4))))
        True
        >>> looks_like_labels(np.arange(16).reshape(4, 4))
        False
    """
    voxels = array.ravel()
    background = _background(voxels)
    if background is None:
        return False
    others = voxels[voxels != background]
    if not np.array_equal(others, np.round(others)):
        return False
    is_mask = not others.size or (others == others[0]).all()
    if is_mask or others.size < LANDMARK_SHARE * voxels.size:
        return True
    return is_piecewise_constant(array, LOWEST_LABEL_SHARE)


def is_piecewise_constant(array, share=LABEL_SHARE):
    """Check whether voxels are whole numbers that are equal over regions.

    Two kinds of images have many equal neighbors too, and are told from labels: an
    enlarged image, whose regions are only a few voxels wide, and a smooth image with
    few gray values, whose neighbors differ by one.

    Args:
        array: Voxels `(*spatial)`.
        share: Smallest share of equal neighbors along any axis.

    Returns:
        bool.
    """
    axes = [axis for axis, size in enumerate(array.shape) if size > 1]
    near = {axis: constant_share(array, axis) for axis in axes}
    if not near or min(near.values()) <= share:
        return False
    longest = max(axes, key=lambda axis: array.shape[axis])
    first, second = _neighbors(array, longest, 1)
    values = np.unique(first)
    if values.size <= FEW_VALUES or array.shape[longest] <= FAR:
        return True
    far = constant_share(array, longest, FAR)
    if far >= SMOOTH_SHARE:
        return True
    steps = np.abs(first.astype("float64") - second)
    is_smooth = np.median(steps[steps > 0]) <= np.diff(values).min()
    return not is_smooth and far > FAR_RATIO * near[longest]


def constant_share(array, axis=0, distance=1):
    """Compute the share of an object's voxels that equal their neighbor.

    Noise makes neighbors in a scan differ.

    Args:
        array: Voxels `(*spatial)`.
        axis: Axis along which a neighbor lies.
        distance: Number of voxels to the neighbor.

    Returns:
        Share from 0 to 1; 0 if the voxels are not all whole numbers.
    """
    first, second = _neighbors(array, axis, distance)
    return float((first == second).mean()) if first.size else 0.0


def _neighbors(array, axis, distance):
    """Sample the voxels of an object, and their neighbors along an axis."""
    voxels = array.ravel()
    background = _background(voxels)
    if background is None:
        return voxels[:0], voxels[:0]
    stride = math.prod(array.shape[axis + 1 :])
    step = stride * distance
    index = sample_indices(max(voxels.size - step, 0), NEIGHBORS_SAMPLED)
    index = index[index // stride % array.shape[axis] < array.shape[axis] - distance]
    index = index[voxels[index] != background]
    return voxels[index], voxels[index + step]


def _background(voxels):
    """Return the most frequent value; None if the values are not whole numbers."""
    sample = voxels[sample_indices(voxels.size, VALUES_SAMPLED)]
    values, counts = np.unique(sample, return_counts=True)
    if not np.array_equal(values, np.round(values)):
        return None
    return values[counts.argmax()]
