"""Samples of voxels for statistics of large images."""

import functools

import numpy as np


# Several statistics of one image follow each other.
@functools.lru_cache(maxsize=2)
def sample_indices(size, count):
    """Draw indices that represent an array: random ones, always the same, in order.

    Every n-th voxel would not do: where n shares a divisor with the number of slices,
    as in 448 x 448 x 30, all of them lie in a few slices.

    Args:
        size: int. Number of elements of the array.
        count: int. Number of indices to draw.

    Returns:
        Read-only int64 array of `count` indices below `size`, or of all if there are
        fewer.

    Example:
        >>> sample_indices(4, 10)
        array([0, 1, 2, 3])
    """
    if size <= count:
        index = np.arange(size)
    else:
        # One in each of `count` equal parts.
        edges = np.arange(count + 1) * size // count
        steps = np.random.default_rng(0).random(count) * np.diff(edges)
        index = edges[:-1] + steps.astype("int64")
    index.setflags(write=False)
    return index
