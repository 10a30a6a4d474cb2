"""What the losses share: reductions over voxels, differences, local statistics."""

from keras import ops as kops

from kregzoo import ops


def voxel_mean(values, mask=None):
    """Mean over all axes but the batch, weighted by a mask.

    Args:
        values: tensor `(B, *spatial, C)`.
        mask: weights `(B, *spatial, 1)` in [0, 1]; None weighs all voxels the same.

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
    """Differences of neighbours, `field[i + 1] - field[i]`, along each spatial axis.

    Args:
        field: tensor `(B, *spatial, C)`.

    Returns:
        List of D tensors; the one of axis i is one voxel shorter along i.
    """
    return [forward_difference(field, axis) for axis in range(1, len(field.shape) - 1)]


def forward_difference(field, axis):
    """Differences of neighbours along one axis of the tensor."""
    before = (slice(None),) * axis
    return field[(*before, slice(1, None))] - field[(*before, slice(None, -1))]


def local_moments(fixed, warped, window, mask=None):
    """Means, variances and covariance in a box around each voxel.

    Without a mask every box holds `window**D` voxels and those outside of the image
    count as zeros, as in VoxelMorph. A mask weighs the voxels of each box.

    Args:
        fixed: tensor `(B, *spatial, C)`.
        warped: tensor of the same shape.
        window: odd int. The box's edge in voxels.
        mask: weights `(B, *spatial, 1)` in [0, 1], or None.

    Returns:
        Tuple `(mean_fixed, mean_warped, variance_fixed, variance_warped, covariance)`
        of tensors `(B, *spatial, C)`; the variances are never negative.
    """
    # Stacked along the channels, the five moments cost one pass of the filter.
    moments = [fixed, warped, fixed * fixed, warped * warped, fixed * warped]
    moments = kops.concatenate(moments, axis=-1)
    if mask is None:
        moments = ops.box_sum(moments, window) / window ** (len(fixed.shape) - 2)
    else:
        mask = kops.cast(mask, moments.dtype)
        count = kops.maximum(ops.box_sum(mask, window), 1e-6)
        moments = ops.box_sum(moments * mask, window) / count
    f, w, ff, ww, fw = kops.split(moments, 5, axis=-1)
    variance_fixed = kops.maximum(ff - f * f, 0.0)
    variance_warped = kops.maximum(ww - w * w, 0.0)
    return f, w, variance_fixed, variance_warped, fw - f * w
