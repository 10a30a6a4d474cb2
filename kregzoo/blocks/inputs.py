"""Inputs of networks that take a pair of images."""

import keras


def pair_inputs(input_shape, divisor=1):
    """Create the Keras inputs `moving` and `fixed`.

    Args:
        input_shape: tuple `(*spatial, channels)` of one image, in 2-D or 3-D; a spatial
            size may be `None`.
        divisor: int. Number that divides each spatial size.

    Returns:
        Dict `{"moving": ..., "fixed": ...}` of Keras tensors.

    Raises:
        ValueError: If the shape is not 2-D or 3-D, or not divisible by `divisor`.

    Example:
        >>> pair_inputs((32, 32, 1))["fixed"].shape
        (None, 32, 32, 1)
    """
    if len(input_shape) not in (3, 4):
        raise ValueError(
            "`input_shape` must be (height, width, channels) or (depth, height, width, "
            f"channels). Received: input_shape={tuple(input_shape)}"
        )
    if any(size is not None and size % divisor for size in input_shape[:-1]):
        raise ValueError(
            f"Spatial sizes of `input_shape` must be divisible by {divisor}: pad or "
            f"resample. Received: input_shape={tuple(input_shape)}"
        )
    return {
        name: keras.Input(tuple(input_shape), name=name) for name in ("moving", "fixed")
    }
