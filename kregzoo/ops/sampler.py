"""Sampling of NumPy arrays of varying shapes."""

import functools

import numpy as np
from keras import ops

from kregzoo.ops.gradients import compiled
from kregzoo.ops.sampling import check_modes, gather

# Largest and smallest number of points per call, and smallest buffer. Sizes are powers
# of two, so that only a few shapes are compiled.
CHUNK, SMALLEST_CHUNK = 2**18, 2**10
SMALLEST_BUFFER = 2**16


class Sampler:
    """Interpolate an array at many points, without compiling for its shape.

    `sample` is compiled again for every shape of the image and the points, which takes
    longer than to run it. The sampler passes a flat buffer, whose size is rounded up to
    a power of two, and the points in chunks of such a size. The shape of the array is
    another input. Beyond the array and the result, it needs the memory of one chunk.

    Args:
        array: NumPy array `(*spatial, C)`, float32 or int32.
        interpolation: `"linear"` or `"nearest"`.
        fill: `"border"` or `"zeros"`, see `sample`.

    Raises:
        ValueError: If `interpolation` or `fill` is unknown.

    Example:
        >>> ramp = np.arange(6, dtype="float32").reshape(2, 3, 1)
        >>> Sampler(ramp)(np.array([[0.0, 1.5], [1.0, 1.0]]))
        array([[1.5],
               [4. ]], dtype=float32)
    """

    def __init__(self, array, interpolation="linear", fill="border"):
        check_modes(interpolation, fill)
        rows = array.reshape(-1, array.shape[-1])
        size = max(SMALLEST_BUFFER, _power_of_two(len(rows)))
        buffer = np.zeros((size, rows.shape[1]), rows.dtype)
        buffer[: len(rows)] = rows
        self._buffer = ops.convert_to_tensor(buffer)
        self._shape = ops.convert_to_tensor(np.array(array.shape[:-1], "int32"))
        self._modes = array.ndim - 1, interpolation, fill

    def __call__(self, coordinates):
        """Interpolate the array.

        Args:
            coordinates: array `(*out, D)` in voxels of the array.

        Returns:
            NumPy array `(*out, C)` of the same dtype as the array.
        """
        points = np.asarray(coordinates, "float32")
        out = points.shape[:-1]
        points = points.reshape(-1, points.shape[-1])
        values = np.empty((len(points), self._buffer.shape[1]), _dtype(self._buffer))
        chunk = min(CHUNK, max(SMALLEST_CHUNK, _power_of_two(len(points))))
        run = _compiled_gather(*self._modes, tuple(self._buffer.shape), chunk)
        for start in range(0, len(points), chunk):
            part = points[start : start + chunk]
            whole = np.pad(part, ((0, chunk - len(part)), (0, 0)))
            sampled = run(self._buffer, self._shape, ops.convert_to_tensor(whole))
            values[start : start + chunk] = ops.convert_to_numpy(sampled)[: len(part)]
        return values.reshape(*out, -1)


@functools.lru_cache
def _compiled_gather(ndim, interpolation, fill, *sizes):
    """Compile a separate function for each choice of sizes.

    TensorFlow would warn if it traced one function for many sizes.
    """

    def run(flat, shape, points):
        extents = [shape[axis] for axis in range(ndim)]
        return gather(flat, points, extents, 0, interpolation, fill)

    return compiled(run, fuse=True)


def _power_of_two(count):
    """Return the smallest power of two that is at least `count`."""
    return 1 << max(0, count - 1).bit_length()


def _dtype(tensor):
    return ops.convert_to_numpy(tensor[:0]).dtype
