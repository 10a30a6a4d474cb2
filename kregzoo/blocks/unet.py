"""U-Net of VoxelMorph: strided encoder, nearest upsampling, skip connections."""

from keras import layers

from kregzoo.blocks.convolutions import CONVOLUTIONS
from kregzoo.layers import UpsampleConv


def unet(inputs, encoder, decoder, half_resolution=False):
    """Build the U-Net of Balakrishnan et al. (TMI 2019).

    Each encoder width is a convolution of stride 2. The decoder starts with a
    convolution at the coarsest level, then alternates upsampling by 2, concatenation
    with the encoder and a convolution. Its remaining widths are convolutions at the
    finest level.

    Args:
        inputs: Keras tensor `(B, *spatial, C)`; spatial sizes divisible by
            `2 ** len(encoder)`, or `None`.
        encoder: tuple of ints. Widths of the strided convolutions.
        decoder: tuple of ints. Widths of the decoder. With N encoder levels, the first
            N are at levels N to 1, the next one at level 1 (half resolution), and the
            others, one or more, at full resolution.
        half_resolution: bool. Stop at half resolution and ignore the widths at full
            resolution.

    Returns:
        Keras tensor of features, at half or full resolution.

    Example:
        >>> import keras
        >>> inputs = keras.Input((32, 32, 2))
        >>> unet(inputs, (16, 32), (32, 32, 16, 8)).shape
        (None, 32, 32, 8)
    """
    depth = len(encoder)
    skips = [inputs]
    for level, width in enumerate(encoder, start=1):
        skips.append(convolution(skips[-1], width, f"encoder_{level}", strides=2))
    x = convolution(skips.pop(), decoder[0], f"decoder_{depth}")
    for level, width in zip(range(depth - 1, 0, -1), decoder[1:], strict=False):
        x = upsampling_convolution(x, skips.pop(), width, f"decoder_{level}")
    x = convolution(x, decoder[depth], "half_resolution")
    if half_resolution:
        return x
    x = upsampling_convolution(x, inputs, decoder[depth + 1], "full_resolution_1")
    for number, width in enumerate(decoder[depth + 2 :], start=2):
        x = convolution(x, width, f"full_resolution_{number}")
    return x


def convolution(x, width, name, strides=1):
    """Apply a convolution of size 3 (He initialization) and LeakyReLU(0.2)."""
    layer = CONVOLUTIONS[len(x.shape) - 2]
    x = layer(
        width,
        3,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return _activation(x, name)


def upsampling_convolution(x, skip, width, name):
    """Upsample `x` by 2, concatenate `skip`, and apply `convolution`."""
    return _activation(UpsampleConv(width, name=name)([x, skip]), name)


def _activation(x, name):
    return layers.LeakyReLU(negative_slope=0.2, name=f"{name}_activation")(x)
