"""Samples of voxels for statistics of large images."""

import numpy as np


def sample_indices(size, count):
    """Draw indices that represent an array: random ones, always the same, in order.

    Every n-th voxel would not do: where n shares a divisor with the number of slices,
    as in 448 x 448 x 30, all of them lie in a few slices.

    Args:
        size: int. Number of elements of the array.
        count: int. Number of indices to draw.

    Returns:
        Int64 array of `count` indices below `size`, or of all if there are fewer.

    Example:
        >>> sample_indices(4, 10)
        array([0, 1, 2, 3])
    """
    if size <= count:
        return np.arange(size)
    # One in each of `count` equal parts.
    edges = np.arange(count + 1) * size // count
    return np.random.default_rng(0).integers(edges[:-1], edges[1:])
