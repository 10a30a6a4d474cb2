"""Spatial derivatives by finite differences."""

from keras import ops


def spatial_gradient(field):
    """Compute the derivatives along every spatial axis.

    These are central differences, one-sided at the border, as in `numpy.gradient`.

    Args:
        field: tensor `(B, *spatial, C)`, at least 2 voxels along each axis.

    Returns:
        float32 tensor `(B, *spatial, C, D)`, with one derivative per spatial axis along
        the last axis.

    Raises:
        ValueError: If an axis has only one voxel.

    Example:
        >>> image = ops.reshape(ops.arange(6.0), (1, 2, 3, 1))
        >>> ops.convert_to_numpy(spatial_gradient(image))[0, 0, 0, 0].tolist()
        [3.0, 1.0]
    """
    field = ops.cast(field, "float32")
    axes = range(1, len(field.shape) - 1)
    return ops.stack([_difference(field, axis) for axis in axes], axis=-1)


def jacobian_determinant(displacement):
    """Compute the Jacobian determinant of `x -> x + u(x)`, the local change of volume.

    The determinant of `I + du/dx` is 1 if the volume is unchanged, and less than 1 if
    it shrinks. The field folds where it is 0 or negative.

    Args:
        displacement: tensor `(B, *spatial, D)` in voxels, D of 2 or 3.

    Returns:
        float32 tensor `(B, *spatial)`.

    Raises:
        ValueError: If the field is not 2-D or 3-D, does not have one channel per
            spatial axis, or has an axis with only one voxel.

    Example:
        >>> ramp = ops.reshape(ops.arange(4.0), (1, 4, 1, 1)) * ops.ones((1, 4, 3, 2))
        >>> float(jacobian_determinant(ramp * 0.5)[0, 1, 1])
        1.5
    """
    displacement = ops.cast(displacement, "float32")
    ndim = len(displacement.shape) - 2
    if ndim not in (2, 3) or displacement.shape[-1] != ndim:
        raise ValueError(
            "`displacement` must have shape (B, *spatial, D) with D spatial axes, D "
            f"being 2 or 3. Received: shape {tuple(displacement.shape)}"
        )
    rows = []
    for i in range(ndim):
        part = displacement[..., i]
        slopes = [_difference(part, axis) for axis in range(1, ndim + 1)]
        rows.append([slope + float(j == i) for j, slope in enumerate(slopes)])
    if ndim == 2:
        (a, b), (c, d) = rows
        return a * d - b * c
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _difference(x, axis):
    """Compute central differences along one axis, one-sided at the ends."""
    if x.shape[axis] == 1:
        raise ValueError(
            "A derivative needs at least 2 voxels along each axis. "
            f"Received: shape {tuple(x.shape)}"
        )

    def part(start, stop):
        return x[(slice(None),) * axis + (slice(start, stop),)]

    first = part(1, 2) - part(0, 1)
    middle = (part(2, None) - part(0, -2)) * 0.5
    last = part(-1, None) - part(-2, -1)
    return ops.concatenate([first, middle, last], axis=axis)
