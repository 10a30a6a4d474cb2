"""Sample weights of Keras, one per sample or one per voxel."""

import math

from keras import ops


def voxel_weights(sample_weight, shape):
    """Convert weights of voxels to a mask.

    Args:
        sample_weight: weights of samples, `()`, `(B,)` or `(B, 1)`; or weights of
            voxels, `(B, *spatial)` or `(B, *spatial, 1)`; or None.
        shape: shape `(B, *spatial, C)` of the weighted tensor, or None if its voxels
            cannot be weighted.

    Returns:
        Float32 tensor `(B, *spatial, 1)`, or None for weights of samples.

    Raises:
        ValueError: If the weights have another shape.

    Example:
        >>> tuple(voxel_weights(ops.ones((2, 8, 8)), (2, 8, 8, 1)).shape)
        (2, 8, 8, 1)
    """
    if sample_weight is None:
        return None
    weights = ops.cast(sample_weight, "float32")
    received = tuple(weights.shape)
    if None not in received[1:] and math.prod(received[1:]) == 1:
        return None
    if shape is not None:
        if len(received) == len(shape) - 1:
            weights = ops.expand_dims(weights, -1)
        expected = (*tuple(shape)[1:-1], 1)
        if len(weights.shape) == len(shape) and all(
            size is None or other is None or size == other
            for size, other in zip(weights.shape[1:], expected, strict=True)
        ):
            return weights
    voxels = "" if shape is None else f", or one per voxel of {tuple(shape)[1:-1]}"
    raise ValueError(
        f"`sample_weight` must have one weight per sample{voxels}. "
        f"Received: sample_weight.shape={received}"
    )
