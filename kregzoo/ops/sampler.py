"""Sampling of NumPy arrays whose shapes differ from one image to the next."""

import functools

import numpy as np
from keras import ops

from kregzoo.ops.gradients import compiled
from kregzoo.ops.warping import check_modes, gather

# Points in a call at most and at least, and the smallest buffer: both are powers of two
# between, so that a compiler sees few shapes.
CHUNK, SMALLEST_CHUNK = 2**18, 2**10
SMALLEST_BUFFER = 2**16


class Sampler:
    """Interpolates one array at many points, without compiling for its shape.

    A compiled `sample` is made anew for every shape of image and points, which takes
    longer than to run it. Here the compiler sees a flat buffer, its size rounded up to
    a power of two, and points in chunks of such a size; the shape is an input as well.
    Memory beyond array and result is that of a chunk.

    Args:
        array: NumPy array `(*spatial, C)`, float32 or int32.
        interpolation: `"linear"` or `"nearest"`.
        fill: `"border"` or `"zeros"`, see `sample`.

    Raises:
        ValueError: for an unknown `interpolation` or `fill`.

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
        """Interpolate.

        Args:
            coordinates: array `(*out, D)` in voxels of the array.

        Returns:
            NumPy array `(*out, C)` of the array's dtype.
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
    """Compile a function for each choice of sizes.

    TensorFlow would warn about one function that it traces for many sizes.
    """

    def run(flat, shape, points):
        extents = [shape[axis] for axis in range(ndim)]
        return gather(flat, points, extents, 0, interpolation, fill)

    return compiled(run, fuse=True)


def _power_of_two(count):
    """The smallest power of two that is not below `count`."""
    return 1 << max(0, count - 1).bit_length()


def _dtype(tensor):
    return ops.convert_to_numpy(tensor[:0]).dtype
