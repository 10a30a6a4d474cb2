"""Functions that several losses use: masked means and finite differences."""

from keras import ops as kops


def voxel_mean(values, mask=None):
    """Average over all axes but the batch, weighted by a mask.

    Args:
        values: tensor `(B, *spatial, C)`.
        mask: weights `(B, *spatial, 1)` in [0, 1]; None for equal weights.

    Returns:
        Tensor `(B,)`; 0 for a sample whose mask is empty.
    """
    axes = tuple(range(1, len(values.shape)))
    if mask is None:
        return kops.mean(values, axis=axes)
    weights = kops.broadcast_to(kops.cast(mask, values.dtype), kops.shape(values))
    total = kops.sum(values * weights, axis=axes)
    return total / kops.maximum(kops.sum(weights, axis=axes), 1e-6)


def forward_differences(field):
    """Compute the differences `field[i + 1] - field[i]` along each spatial axis.

    Args:
        field: tensor `(B, *spatial, C)`.

    Returns:
        List of D tensors, one per axis, each one voxel shorter along its axis.
    """
    return [forward_difference(field, axis) for axis in range(1, len(field.shape) - 1)]


def forward_difference(field, axis):
    """Compute the differences of neighbors along one axis of the tensor."""
    before = (slice(None),) * axis
    return field[(*before, slice(1, None))] - field[(*before, slice(None, -1))]
