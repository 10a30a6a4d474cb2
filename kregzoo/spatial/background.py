"""Voxels that hold no measurement, and what to put there."""

import numpy as np

from kregzoo.spatial.sampling import sample_indices

# Voxels that statistics are taken of.
SAMPLED_VOXELS = 1_000_000
# Share of an image's voxels from which on a value may be one that was put there.
COMMON = 0.005
# Hounsfield units: no noise takes air below the first; of air itself.
BELOW_AIR, AIR = -1200.0, (-1100.0, -900.0)


def without_nan(array):
    """Replace NaN by the image's darkest intensity, or by 0 if none is below 0.

    Args:
        array: array of numbers.

    Returns:
        The array, or a copy without NaN. An array of NaN alone is returned as it is.

    Example:
        >>> without_nan(np.array([np.nan, 2.0, 3.0]))
        array([0., 2., 3.])
    """
    missing = np.isnan(array)
    if not missing.any() or missing.all():
        return array
    return np.where(missing, min(array.dtype.type(0), _darkest(array[~missing])), array)


def without_padding(array):
    """Replace voxels that were never measured by the darkest of the others.

    These are the padding around a CT's field of view (-2000, -3024, -32768); other
    negative values far below all the rest, or whole numbers of -1000 and below where
    nothing else is negative; and the zeros around a z-scored object, which lie between
    its dark and its bright voxels.

    Args:
        array: float array `(*spatial)` without NaN.

    Returns:
        The array, or a copy without such voxels.

    Example:
        >>> scan = np.linspace(-1000.0, 1000.0, 100)
        >>> int(without_padding(np.concatenate([np.full(50, -3024.0), scan]))[0])
        -990
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
    """Low percentile, which a few outliers do not change."""
    return voxels.dtype.type(np.percentile(_sample(voxels), 0.5))


def _padding_limit(sample):
    """The value below which voxels are padding, or None."""
    lowest = sample.min()
    rest = sample[sample > lowest]
    # Measurements never share a value as low as these.
    if lowest >= 0 or rest.size > (1 - COMMON) * sample.size or not rest.size:
        return None
    air = np.mean((rest >= AIR[0]) & (rest <= AIR[1]))
    between = np.mean(rest < BELOW_AIR)
    # Interpolation leaves some voxels between padding and air.
    if lowest < BELOW_AIR and air > 0.01 and between < 0.02:
        return BELOW_AIR
    low, high = np.percentile(rest, (0.5, 99.5))
    far = low - lowest > 4 * (high - low) > 0
    code = lowest <= -1000 and lowest == round(lowest) and rest.min() >= 0
    return (lowest + low) / 2 if far or code else None


def _zeros_are_background(array, sample):
    """Whether zeros surround an object whose intensities lie on both sides of them."""
    corners = array[np.ix_(*[(0, -1)] * array.ndim)]
    if corners.any() or np.mean(sample == 0) < COMMON:
        return False
    low, high = np.percentile(sample[sample != 0], (0.5, 99.5))
    # Interpolation of an image without negative values leaves fainter ones.
    return low < 0 < high and 0.15 < -low / (high - low) < 0.85
