"""Convolutional regression of B-spline control points, as in DIRNet and DLIR."""

from keras import layers

from kregzoo.blocks.convolutions import AVERAGE_POOLINGS, CONVOLUTIONS, ZERO_PADDINGS

CONVOLUTIONS_AT_LEAST = 5


def control_points(x, spacing, width, normalize, name):
    """Regress the control points of a B-spline from a pair of images.

    Convolutions of size 3, the first `log2(spacing)` of them followed by average
    pooling, then two convolutions of size 1, then a linear one that is initialized to
    zero. All but the last have an ELU. De Vos et al., DLMIA 2017 and MedIA 2019, as in
    the authors' later public code.

    Two things are choices made here: the features are padded, to give a margin of
    control points around the image; and the last convolution has size 2, because
    control points lie at the corners of the pooled cells.

    Args:
        x: Keras tensor `(B, *spatial, C)`; spatial sizes divisible by `spacing`.
        spacing: int, a power of 2. Distance between control points in voxels.
        width: int. Channels of each convolution.
        normalize: bool. Add batch normalization after each convolution but the last.
        name: str. Prefix of the layer names.

    Returns:
        Keras tensor `(B, *(spatial / spacing + 3), D)`, float32.

    Example:
        >>> import keras
        >>> control_points(keras.Input((32, 48, 2)), 8, 16, True, "grid").shape
        (None, 7, 9, 2)
    """
    ndim = len(x.shape) - 2
    poolings = spacing.bit_length() - 1
    sizes = [3] * max(CONVOLUTIONS_AT_LEAST, poolings + 1) + [1, 1]
    for number, size in enumerate(sizes, start=1):
        padding = "same"
        if number == poolings + 1:
            # Pad for the margin of 2 and for a "valid" convolution: TensorFlow 2.21
            # turns a padding followed by a "same" convolution in 3-D into a "valid"
            # one.
            x = ZERO_PADDINGS[ndim](2 + size // 2, name=f"{name}_margin")(x)
            padding = "valid"
        x = elu_convolution(x, width, size, normalize, f"{name}_{number}", padding)
        if number <= poolings:
            x = AVERAGE_POOLINGS[ndim](2, name=f"{name}_{number}_pool")(x)
    return CONVOLUTIONS[ndim](
        ndim,
        2,
        kernel_initializer="zeros",
        dtype="float32",
        name=f"{name}_control_points",
    )(x)


def elu_convolution(x, width, size, normalize, name, padding="same"):
    """Apply a convolution (He initialization), optional batch normalization, ELU."""
    convolution = CONVOLUTIONS[len(x.shape) - 2]
    x = convolution(
        width, size, padding=padding, kernel_initializer="he_normal", name=name
    )(x)
    if normalize:
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ELU(name=f"{name}_activation")(x)
