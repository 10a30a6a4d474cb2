"""Convolution along axes, by `keras.ops` on any backend."""

from keras import ops


def convolve_axes(image, kernels):
    """Convolve each spatial axis with a symmetric kernel, padding with zeros."""
    for axis, kernel in enumerate(kernels, start=1):
        if len(kernel) > 1:
            image = _convolve_axis(image, kernel, axis)
    return image


def _convolve_axis(image, kernel, axis):
    radius = len(kernel) // 2
    size = ops.shape(image)[axis]
    padding = [(0, 0)] * len(image.shape)
    padding[axis] = (radius, radius)
    padded = ops.pad(image, padding)
    before = (slice(None),) * axis
    total = 0.0
    for start, weight in enumerate(kernel):
        window = padded[(*before, slice(start, start + size))]
        total = total + (window if weight == 1 else window * weight)
    return total
