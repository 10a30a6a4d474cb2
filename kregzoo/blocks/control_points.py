"""The convolutional regressor of B-spline control points of DIRNet and DLIR."""

from keras import layers

from kregzoo.blocks.convolutions import AVERAGE_POOLINGS, CONVOLUTIONS, ZERO_PADDINGS

CONVOLUTIONS_AT_LEAST = 5


def control_points(x, spacing, width, normalise, name):
    """Regress the control points of a B-spline from a pair of images.

    Convolutions of width 3, of which the first `log2(spacing)` are followed by average
    pooling, two of width 1, and a linear one that starts at zero, each of the others
    with an ELU: de Vos et al., DLMIA 2017 and MedIA 2019, as in the authors' later
    public code. Ours are the margin of control points around the image, which the
    features are padded for, and a last convolution of width 2: control points lie
    between the cells that pooling leaves, at their corners.

    Args:
        x: Keras tensor `(B, *spatial, C)`; spatial sizes divisible by `spacing`.
        spacing: int, a power of 2. Voxels from one control point to the next.
        width: int. Channels of each convolution.
        normalise: bool. Batch normalisation after each convolution but the last.
        name: str. What the names of the layers begin with.

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
            # The margin of 2 and what the convolution takes away: TensorFlow 2.21 fuses
            # a padding with a "same" convolution in 3-D into a "valid" one.
            x = ZERO_PADDINGS[ndim](2 + size // 2, name=f"{name}_margin")(x)
            padding = "valid"
        x = elu_convolution(x, width, size, normalise, f"{name}_{number}", padding)
        if number <= poolings:
            x = AVERAGE_POOLINGS[ndim](2, name=f"{name}_{number}_pool")(x)
    return CONVOLUTIONS[ndim](
        ndim,
        2,
        kernel_initializer="zeros",
        dtype="float32",
        name=f"{name}_control_points",
    )(x)


def elu_convolution(x, width, size, normalise, name, padding="same"):
    """Convolution, batch normalisation if wanted, and ELU; He initialisation."""
    convolution = CONVOLUTIONS[len(x.shape) - 2]
    x = convolution(
        width, size, padding=padding, kernel_initializer="he_normal", name=name
    )(x)
    if normalise:
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ELU(name=f"{name}_activation")(x)
