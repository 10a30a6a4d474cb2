"""Replacement of voxels without a measurement: NaN, padding and masked background."""

import numpy as np

from kregzoo.spatial.sampling import sample_indices

# Number of voxels to compute statistics from.
SAMPLED_VOXELS = 1_000_000
# Minimum share of the voxels that padding or background has.
COMMON = 0.005
# Hounsfield units: limit below which there is no noise of air, and range of air.
BELOW_AIR, AIR = -1200.0, (-1100.0, -900.0)


def without_nan(array):
    """Replace NaN by the lowest intensity, or by 0 if no intensity is negative.

    Args:
        array: array of numbers.

    Returns:
        The array, or a copy without NaN. An array that is all NaN is unchanged.

    Example:
        >>> without_nan(np.array([np.nan, 2.0, 3.0]))
        array([0., 2., 3.])
    """
    missing = np.isnan(array)
    if not missing.any() or missing.all():
        return array
    return np.where(missing, min(array.dtype.type(0), _darkest(array[~missing])), array)


def without_padding(array):
    """Replace voxels without a measurement by the lowest intensity of the others.

    Voxels without a measurement are:

    - the padding around the field of view of a CT (-2000, -3024, -32768),
    - a negative value far below all others,
    - a whole number of -1000 or less, if no other value is negative,
    - the zeros around a z-scored object with negative and positive intensities.

    Args:
        array: float array `(*spatial)` without NaN.

    Returns:
        The array, or a copy without these voxels.

    Example:
        >>> scan = np.linspace(-1000.0, 1000.0, 100)
        >>> padded = np.concatenate([np.full(50, -3024.0), scan])
        >>> float(without_padding(padded)[0].round())
        -990.0
    """
    sample = _sample(array.ravel())
    limit = _padding_limit(sample)
    if limit is not None:
        padded, measured = array < limit, sample[sample >= limit]
    elif _zeros_are_background(array, sample):
        padded, measured = array == 0, sample[sample != 0]
    else:
        return array
    return np.where(padded, _darkest(measured), array)


def _sample(voxels):
    return voxels[sample_indices(voxels.size, SAMPLED_VOXELS)]


def _darkest(voxels):
    """Compute a low percentile, which is robust to a few outliers."""
    return voxels.dtype.type(np.percentile(_sample(voxels), 0.5))


def _padding_limit(sample):
    """Return the value below which voxels are padding, or None."""
    lowest = sample.min()
    rest = sample[sample > lowest]
    # Padding is negative, and many voxels have its value.
    if lowest >= 0 or rest.size > (1 - COMMON) * sample.size or not rest.size:
        return None
    air = np.mean((rest >= AIR[0]) & (rest <= AIR[1]))
    between = np.mean(rest < BELOW_AIR)
    # Interpolation produces some values between padding and air.
    if lowest < BELOW_AIR and air > 0.01 and between < 0.02:
        return BELOW_AIR
    low, high = np.percentile(rest, (0.5, 99.5))
    far = low - lowest > 4 * (high - low) > 0
    code = lowest <= -1000 and lowest == round(lowest) and rest.min() >= 0
    return (lowest + low) / 2 if far or code else None


def _zeros_are_background(array, sample):
    """Check if zeros surround an object with negative and positive intensities."""
    corners = array[np.ix_(*[(0, -1)] * array.ndim)]
    if corners.any() or np.mean(sample == 0) < COMMON:
        return False
    low, high = np.percentile(sample[sample != 0], (0.5, 99.5))
    # Negative values from interpolating a nonnegative image are smaller than this.
    return low < 0 < high and 0.15 < -low / (high - low) < 0.85
