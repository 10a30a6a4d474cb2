"""Samples of voxels for statistics of large images."""

import functools

import numpy as np


# Cached, because several statistics of an image use the same indices.
@functools.lru_cache(maxsize=2)
def sample_indices(size, count):
    """Draw random indices of an array, sorted and with a fixed seed.

    Every n-th voxel would not represent the array: if n and the number of slices share
    a divisor, as in 448 x 448 x 30, all of these voxels are in a few slices.

    Args:
        size: int. Number of elements of the array.
        count: int. Number of indices to draw.

    Returns:
        Read-only int64 array of `count` indices below `size`, or of all indices if
        `size` is less than `count`.

    Example:
        >>> sample_indices(4, 10)
        array([0, 1, 2, 3])
    """
    if size <= count:
        index = np.arange(size)
    else:
        # One index in each of `count` equal parts.
        edges = np.arange(count + 1) * size // count
        steps = np.random.default_rng(0).random(count) * np.diff(edges)
        index = edges[:-1] + steps.astype("int64")
    index.setflags(write=False)
    return index
