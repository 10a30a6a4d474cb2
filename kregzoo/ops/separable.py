"""Linear maps that act along one axis at a time: resizing and cubic B-splines.

Linear interpolation on a regular grid and tensor-product B-splines are separable: they
are determined by one small matrix per spatial axis. The matrices are built in NumPy and
applied by one matrix product per axis on any backend.
"""

import functools
import math

import keras
import numpy as np
from keras import ops


def apply_along_axes(x, matrices):
    """Multiply each spatial axis of a tensor by a matrix.

    Computes `y[b, i, j, k, c] = sum A[i, l] B[j, m] C[k, n] x[b, l, m, n, c]`, one
    axis after the other. The axes that shrink most are computed first, in case of a tie
    the last axis, so that expensive products have smaller tensors.

    Args:
        x: floating point tensor `(B, *spatial, C)`, of known sizes except for `B`.
        matrices: one array `(n_out, n_in)` per spatial axis, or `None` to leave an axis
            unchanged.

    Returns:
        Tensor `(B, *spatial_out, C)` of the dtype of `x`.

    Raises:
        ValueError: If the number of matrices or their widths do not fit `x`.

    Example:
        >>> mean = np.full((1, 4), 0.25)
        >>> y = apply_along_axes(keras.ops.ones((2, 4, 6, 3)), [mean, None])
        >>> tuple(y.shape)
        (2, 1, 6, 3)
    """
    x = ops.convert_to_tensor(x)
    shape = list(x.shape)
    spatial = shape[1:-1]
    fits = len(matrices) == len(spatial) and all(
        n is not None and (matrix is None or matrix.shape[1] == n)
        for matrix, n in zip(matrices, spatial, strict=True)
    )
    if not fits:
        raise ValueError(
            "`matrices` must hold one `(n_out, n_in)` array per spatial axis of `x`, "
            "whose spatial shape must be known. Received: matrices of shapes "
            f"{[None if m is None else m.shape for m in matrices]}, "
            f"x.shape={tuple(shape)}"
        )
    axes = [axis for axis, matrix in enumerate(matrices) if matrix is not None]
    growth = {axis: len(matrices[axis]) / spatial[axis] for axis in axes}
    for axis in sorted(axes, key=lambda axis: (growth[axis], -axis)):
        matrix = ops.convert_to_tensor(matrices[axis], dtype=x.dtype)
        n_out, n_in = matrix.shape
        if axis == len(matrices) - 1:
            # There are few channels: move them forward and compute one large product.
            rows = ops.transpose(ops.reshape(x, (-1, n_in, shape[-1])), (0, 2, 1))
            rows = ops.matmul(ops.reshape(rows, (-1, n_in)), ops.transpose(matrix))
            x = ops.transpose(ops.reshape(rows, (-1, shape[-1], n_out)), (0, 2, 1))
        else:
            columns = math.prod(shape[axis + 2 :])
            x = ops.matmul(matrix, ops.reshape(x, (-1, n_in, columns)))
        shape[axis + 1] = n_out
        x = ops.reshape(x, (-1, *shape[1:]))
    return x


def resize(image, shape, antialias=False):
    """Resize an image by linear interpolation, keeping the field of view.

    Voxel `i` of the new grid is at `(i + 0.5) * n_old / n_new - 0.5` in the old grid.
    Positions beyond the outermost voxel centers get the value of the nearest voxel.

    Args:
        image: tensor `(B, *spatial, C)`; integers become float32.
        shape: new spatial shape, one int per axis.
        antialias: bool. On a coarser grid, average the voxels around each new voxel,
            weighted by a hat function of the width of two new voxels.

    Returns:
        Tensor `(B, *shape, C)`.

    Raises:
        ValueError: If `shape` does not have one positive int per spatial axis.

    Example:
        >>> tuple(resize(np.ones((1, 8, 8, 1)), (4, 16)).shape)
        (1, 4, 16, 1)
    """
    image = _as_float(image)
    old = _spatial_shape(image, shape)
    matrices = [
        None if n_new == n_old else _linear_weights(n_new, n_old, antialias)
        for n_new, n_old in zip(shape, old, strict=True)
    ]
    return apply_along_axes(image, matrices)


def resize_field(displacement, shape):
    """Resize a displacement field, and scale its values accordingly.

    Displacements are in voxels. On a grid twice as fine, the same displacement has
    twice the value.

    Args:
        displacement: tensor `(B, *spatial, D)` in voxels of its grid.
        shape: new spatial shape, one int per axis.

    Returns:
        float32 tensor `(B, *shape, D)` in voxels of the new grid.

    Raises:
        ValueError: If `shape` does not have one positive int per spatial axis.

    Example:
        >>> field = resize_field(keras.ops.ones((1, 4, 4, 2)), (8, 4))
        >>> keras.ops.convert_to_numpy(field)[0, 0, 0].tolist()
        [2.0, 1.0]
    """
    displacement = ops.cast(displacement, "float32")
    old = _spatial_shape(displacement, shape)
    scale = ops.convert_to_tensor(np.divide(shape, old), dtype="float32")
    return resize(displacement * scale, shape)


def bspline(control_points, shape):
    """Evaluate a tensor-product cubic B-spline at every voxel of a grid.

    This is the free-form deformation of Rueckert et al., "Nonrigid registration using
    free-form deformations", IEEE TMI 18(8), 1999, eq. 1. The control grid covers the
    field of view with one point of margin on each side. The spacing is therefore
    `n / (n_control - 3)` voxels, and voxel `i` is at
    `1 + (i + 0.5) * (n_control - 3) / n` in control point indices. The weights of
    the control points sum to one in every voxel.

    Args:
        control_points: tensor `(B, *control_shape, C)`, at least 4 points per axis.
        shape: spatial shape of the result, one int per axis.

    Returns:
        float32 tensor `(B, *shape, C)`.

    Raises:
        ValueError: If an axis has fewer than 4 control points, or if `shape` does not
            have one positive int per spatial axis.

    Example:
        >>> tuple(bspline(np.zeros((1, 7, 7, 2)), (32, 32)).shape)
        (1, 32, 32, 2)
    """
    control_points = ops.cast(control_points, "float32")
    controls = _spatial_shape(control_points, shape)
    matrices = map(_bspline_weights, shape, controls)
    return apply_along_axes(control_points, list(matrices))


@functools.lru_cache(maxsize=256)
def _linear_weights(n_new, n_old, antialias):
    """Compute the matrix of linear interpolation, `(n_new, n_old)`."""
    position = (np.arange(n_new) + 0.5) * n_old / n_new - 0.5
    position = np.clip(position, 0, n_old - 1)[:, None]
    # Hat function whose half width is one old voxel, or one new voxel if it is larger.
    width = max(1.0, n_old / n_new) if antialias else 1.0
    weights = np.maximum(0, 1 - np.abs(position - np.arange(n_old)) / width)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return weights.astype("float32")


@functools.lru_cache(maxsize=256)
def _bspline_weights(n, n_control):
    """Compute the matrix of cubic B-spline weights, `(n, n_control)`."""
    if n_control < 4:
        raise ValueError(
            "A cubic B-spline needs at least 4 control points per axis. "
            f"Received: {n_control}. Use a denser control grid."
        )
    position = 1 + (np.arange(n) + 0.5) * (n_control - 3) / n
    distance = np.abs(position[:, None] - np.arange(n_control))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(0, 2 - distance) ** 3 / 6
    return np.where(distance < 1, near, far).astype("float32")


def _as_float(x):
    """Convert to a floating point tensor; integers and booleans become float32."""
    x = ops.convert_to_tensor(x)
    return x if keras.backend.is_float_dtype(x.dtype) else ops.cast(x, "float32")


def _spatial_shape(x, shape):
    """Return the spatial shape of `x`, or raise if `shape` has other axes."""
    spatial = tuple(x.shape)[1:-1]
    if len(shape) != len(spatial) or any(n is None or n < 1 for n in shape):
        raise ValueError(
            f"The shape must hold one positive int for each of the {len(spatial)} "
            f"spatial axes. Received: {tuple(shape)}"
        )
    return spatial
