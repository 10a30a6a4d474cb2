"""Tell maps of labels from images by their voxels."""

import math

import numpy as np

from kregzoo.spatial.sampling import sample_indices

# Share of equal neighbors in an object of whole numbers: 0 to 30 % in scans, 58 % and
# more in maps of labels in the data sets that presets were trained on.
LABEL_SHARE = 0.5
# The same along the axis where it is smallest. It is lower, because small structures
# have a large surface, and because nearest neighbor harms an image less than mixing
# harms labels.
LOWEST_LABEL_SHARE = 0.4
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
    axes = [axis for axis, size in enumerate(array.shape) if size > 1]
    return all(constant_share(array, axis) > LOWEST_LABEL_SHARE for axis in axes)


def constant_share(array, axis=0):
    """Compute the share of an object's voxels that equal their neighbor.

    Noise makes neighbors in a scan differ.

    Args:
        array: Voxels `(*spatial)`.
        axis: Axis along which a neighbor lies.

    Returns:
        Share from 0 to 1; 0 if the voxels are not all whole numbers.
    """
    voxels = array.ravel()
    background = _background(voxels)
    if background is None:
        return 0.0
    size, step = array.shape[axis], math.prod(array.shape[axis + 1 :])
    index = sample_indices(voxels.size - step, NEIGHBORS_SAMPLED)
    index = index[index // step % size < size - 1]
    index = index[voxels[index] != background]
    if not index.size:
        return 0.0
    return float((voxels[index] == voxels[index + step]).mean())


def _background(voxels):
    """Return the most frequent value; None if the values are not whole numbers."""
    sample = voxels[sample_indices(voxels.size, VALUES_SAMPLED)]
    values, counts = np.unique(sample, return_counts=True)
    if not np.array_equal(values, np.round(values)):
        return None
    return values[counts.argmax()]
