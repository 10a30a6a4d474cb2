"""Types and values of voxels."""

import numpy as np

# Largest whole number up to which float32 holds all whole numbers.
EXACT_IN_FLOAT32 = 2**24


def as_voxels(array):
    """Convert an array to one of the types that an image has.

    Args:
        array: Array of real numbers or booleans.

    Returns:
        The array in the byte order of the machine: integers unchanged, booleans as
        uint8, other numbers as float32. Whole numbers that float32 would change, such
        as labels in a float64 file, become int64.

    Raises:
        ValueError: If the values are not real numbers, or voxels are masked.

    Example:
        >>> as_voxels(np.array([0.0, 614454277.0]))
        array([        0, 614454277])
    """
    if np.ma.is_masked(array):
        raise ValueError(
            "The array has masked voxels: set their value with `array.filled(value)`, "
            f"and give the mask separately. Received: {np.ma.count_masked(array)} of "
            "them"
        )
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise ValueError(
            "The voxels must be real numbers: split colors or complex parts into "
            f"images of one channel. Received: dtype={array.dtype}"
        )
    if array.dtype.kind == "b":
        return array.astype("uint8")
    if array.dtype.kind == "f":
        dtype = "int64" if _needs_integers(array) else "float32"
        return array.astype(dtype, copy=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def enumerate_values(array):
    """Number the values of an array of integers of any size.

    Args:
        array: Array of integers.

    Returns:
        Tuple of the values in ascending order, and for each voxel the index of its
        value, an int32 array of the same shape.

    Example:
        >>> values, index = enumerate_values(np.array([7, -5, 7, 50_000_000]))
        >>> values.tolist(), index.tolist()
        ([-5, 7, 50000000], [1, 0, 1, 2])
    """
    values = np.unique(array)
    # Ten times faster than the inverse of np.unique, which sorts all voxels.
    return values, np.searchsorted(values, array).astype("int32")


def fits(array, dtype):
    """Check whether an integer type holds all values of an array of integers."""
    limits = np.iinfo(dtype)
    return limits.min <= int(array.min()) and int(array.max()) <= limits.max


def _needs_integers(array):
    if array.dtype.itemsize <= 4 or array.size == 0:
        return False
    largest = np.abs(array).max()
    # False for NaN, too.
    in_range = EXACT_IN_FLOAT32 < largest < 2.0**63
    return bool(in_range and np.array_equal(array, np.round(array)))
