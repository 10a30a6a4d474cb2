"""The joint histogram of two images, smooth enough to differentiate."""

import math

import keras
from keras import ops


def joint_histogram(fixed, moving, bins=32, mask=None, range=(0.0, 1.0)):
    """Joint probability of the intensities of two images.

    A Parzen estimate with a cubic B-spline window on both images, hence twice
    differentiable in both (Mattes et al., "PET-CT image registration in the chest
    using free-form deformations", IEEE TMI 22(1), 2003, eq. 5, has it on the moving
    image only). `range` spans the bins but for one of margin on each side, so that
    every window lies inside the histogram. The two tables of window weights hold
    `bins` numbers a voxel each.

    Args:
        fixed: tensor `(B, *spatial, 1)`.
        moving: tensor `(B, *spatial, 1)`.
        bins: int >= 4. The number of bins an image.
        mask: tensor `(B, *spatial, 1)` in [0, 1] that weights the voxels, or `None`.
        range: the lowest and highest intensity; values beyond are moved to them.

    Returns:
        float32 tensor `(B, bins, bins)`, fixed intensities along axis 1, moving along
        axis 2; each sample sums to 1 (to 0 if its mask is empty).

    Raises:
        ValueError: when `bins` is below 4 or `range` is not increasing.

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
    centres = ops.arange(bins, dtype="float32")
    # One table has the bins first and one last, as the product takes them.
    fixed = _window(fixed[:, None, :] - centres[:, None])
    moving = _window(moving[:, :, None] - centres)
    if mask is None:
        return ops.matmul(fixed, moving) / ops.cast(ops.shape(moving)[1], "float32")
    weights = _rows(mask)
    total = ops.maximum(ops.sum(weights, axis=1), keras.config.epsilon())
    moving = moving * weights[:, :, None]
    return ops.matmul(fixed, moving) / total[:, None, None]


def _rows(image):
    """One row of float32 values for each sample."""
    image = ops.cast(image, "float32")
    return ops.reshape(image, (-1, math.prod(ops.shape(image)[1:])))


def _bin_positions(image, bins, low, high):
    """Intensities in units of bins: `low` is at 1 and `high` at `bins - 2`."""
    intensity = ops.clip((_rows(image) - low) / (high - low), 0.0, 1.0)
    return 1.0 + intensity * (bins - 3)


def _window(distance):
    """The cubic B-spline, which is zero from a distance of 2 on."""
    distance = ops.abs(distance)
    far = ops.relu(2.0 - distance)
    near = ops.relu(1.0 - distance)
    return (far * far * far - 4.0 * near * near * near) / 6.0
