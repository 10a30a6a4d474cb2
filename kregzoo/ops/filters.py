"""Separable filters on `(B, *spatial, C)` tensors."""

import keras
import numpy as np
from keras import ops

from kregzoo.ops import convolution


def box_sum(image, window):
    """Sum over a box around each voxel, padding with zeros.

    Args:
        image: tensor `(B, *spatial, C)`.
        window: odd int >= 1. Edge of the box in voxels.

    Returns:
        Tensor of the same shape.

    Raises:
        ValueError: If `window` is even or below 1.

    Example:
        >>> float(box_sum(keras.ops.ones((1, 5, 5, 1)), 3)[0, 2, 2, 0])
        9.0
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"`window` must be odd and positive. Received: {window}")
    return _convolve_axes(image, [np.ones(window)] * (len(image.shape) - 2))


def smooth(image, sigma):
    """Smooth an image with a Gaussian, padding with zeros.

    The kernel is truncated at three standard deviations.

    Args:
        image: tensor `(B, *spatial, C)`.
        sigma: float or one float per spatial axis. Standard deviation in voxels; 0
            does not smooth.

    Returns:
        Tensor of the same shape.

    Raises:
        ValueError: If a `sigma` is negative.

    Example:
        >>> image = np.zeros((1, 9, 9, 1), "float32")
        >>> image[0, 4, 4, 0] = 1.0
        >>> round(float(keras.ops.sum(smooth(image, 1.0))), 3)
        1.0
    """
    sigmas = np.broadcast_to(np.asarray(sigma, float), (len(image.shape) - 2,))
    if (sigmas < 0).any():
        raise ValueError(f"`sigma` must not be negative. Received: sigma={sigma}")
    return _convolve_axes(image, [gaussian_kernel(value) for value in sigmas])


def gaussian_kernel(sigma):
    """Compute Gaussian weights that sum to 1, truncated at three sigma."""
    if sigma == 0:
        return np.ones(1)
    radius = max(1, int(np.ceil(3 * sigma)))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return weights / weights.sum()


def _convolve_axes(image, kernels):
    image = ops.convert_to_tensor(image)
    kernels = tuple(tuple(map(float, kernel)) for kernel in kernels)
    if keras.backend.backend() == "tensorflow":
        from kregzoo.ops import _tensorflow

        return _tensorflow.convolve_axes(image, kernels)
    return convolution.convolve_axes(image, kernels)
