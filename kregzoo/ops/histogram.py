"""Differentiable joint histogram of two images."""

import math

import keras
from keras import ops


def joint_histogram(fixed, moving, bins=32, mask=None, range=(0.0, 1.0)):
    """Estimate the joint probability of the intensities of two images.

    The Parzen estimate has a cubic B-spline window for both images, and is therefore
    twice differentiable in both. Mattes et al., "PET-CT image registration in the chest
    using free-form deformations", IEEE TMI 22(1), 2003, eq. 5, use this window for the
    moving image only. One bin of margin on each side of `range` keeps every window
    inside the histogram. The window weights take `2 * bins` numbers per voxel of
    memory.

    Args:
        fixed: tensor `(B, *spatial, 1)`.
        moving: tensor `(B, *spatial, 1)`.
        bins: int >= 4. Number of bins per image.
        mask: tensor `(B, *spatial, 1)` in [0, 1] that weights the voxels, or `None`.
        range: the lowest and the highest intensity. Other values are clipped.

    Returns:
        float32 tensor `(B, bins, bins)`, with fixed intensities along axis 1 and moving
        intensities along axis 2. Each sample sums to 1, or to 0 if the mask is empty.

    Raises:
        ValueError: If `bins` is less than 4 or `range` is not increasing.

    Example:
        >>> image = keras.random.uniform((2, 8, 8, 1), seed=0)
        >>> histogram = joint_histogram(image, image, bins=16)
        >>> ops.convert_to_numpy(ops.sum(histogram, axis=(1, 2))).round(5)
        array([1., 1.], dtype=float32)
    """
    low, high = range
    if bins < 4 or not low < high:
        raise ValueError(
            "`bins` must be at least 4 and `range` increasing. "
            f"Received: bins={bins}, range={range}"
        )
    fixed = _bin_positions(fixed, bins, low, high)
    moving = _bin_positions(moving, bins, low, high)
    centers = ops.arange(bins, dtype="float32")
    # The bins are the first axis of one factor and the last axis of the other.
    fixed = _window(fixed[:, None, :] - centers[:, None])
    moving = _window(moving[:, :, None] - centers)
    if mask is None:
        return ops.matmul(fixed, moving) / ops.cast(ops.shape(moving)[1], "float32")
    weights = _rows(mask)
    total = ops.maximum(ops.sum(weights, axis=1), keras.config.epsilon())
    moving = moving * weights[:, :, None]
    return ops.matmul(fixed, moving) / total[:, None, None]


def _rows(image):
    """Flatten each sample to a row of float32 values."""
    image = ops.cast(image, "float32")
    return ops.reshape(image, (-1, math.prod(ops.shape(image)[1:])))


def _bin_positions(image, bins, low, high):
    """Convert intensities to bins: `low` is at 1 and `high` is at `bins - 2`."""
    intensity = ops.clip((_rows(image) - low) / (high - low), 0.0, 1.0)
    return 1.0 + intensity * (bins - 3)


def _window(distance):
    """Evaluate the cubic B-spline, which is zero for distances of 2 or more."""
    distance = ops.abs(distance)
    far = ops.relu(2.0 - distance)
    near = ops.relu(1.0 - distance)
    return (far * far * far - 4.0 * near * near * near) / 6.0
