"""ICNet: a network that predicts mutually inverse displacements of both directions.

Survey section 5.1, reference [142]: Zhang, "Inverse-Consistent Deep Networks for
Unsupervised Deformable Image Registration", arXiv 1809.03443, 2018.

Published, in the paper or its public code: one U-Net called once for each direction;
the widths; a displacement bounded by tanh; penalties on inverse inconsistency (0.05),
folds (1e5) and roughness (0.5); Adam at 5e-4; one pair per step.

Our choices at the `cpu` scale: local cross-correlation instead of the mean squared
error, because scans of several sessions differ in intensity (the paper matches
histograms instead); 2 mm voxels; auxiliary labels in training; a random common pose;
fields at half resolution; twenty times the published weight on inverse inconsistency; a
learning rate that decays to zero along a cosine. At full resolution, with half the
channels and the published weight, the same recipe produced more folds and a larger
inverse consistency error.
"""

import keras
from keras import layers

from kregzoo.blocks import pair_inputs
from kregzoo.blocks.convolutions import CONVOLUTIONS, TRANSPOSED_CONVOLUTIONS
from kregzoo.layers import RescaleTransform, SpatialTransformer
from kregzoo.losses import (
    LNCC,
    MSE,
    AntiFolding,
    Dice,
    Gradient,
    InverseConsistency,
    WeightedSum,
)
from kregzoo.presets.weights import pretrained
from kregzoo.registrars import Refinement
from kregzoo.training import (
    ImagePairs,
    Images,
    Pose,
    Recipe,
    RegistrationModel,
    Scale,
    Supervised,
    System,
)

# Channels in units of the first width: of the transposed convolutions, and of the
# convolutions after each of them.
UPSAMPLED = (8, 4, 2, 2)
DECODER = ((8, 4), (4, 2), (4, 2), (2, 2))


@pretrained("icnet")
def ICNet(
    input_shape=(144, 192, 160, 1),
    width=8,
    bound=7.0,
    half_resolution=False,
    weights=None,
    name="icnet",
):
    """Instantiate ICNet (Zhang, 2018).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    affinely aligned, with intensities in [0, 1], and returns `"warped"`,
    `"displacement"`, `"warped_fixed"` and `"inverse_displacement"`, with displacements
    `(B, *spatial, D)` in voxels, and `"displacements"` `(B, *spatial, 2 D)`, both
    displacements concatenated for `InverseConsistency`.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            divisible by 16, or `None`.
        width: int. Channels of the first convolutions, doubled at each level.
        bound: float. Largest absolute value of a displacement component, in voxels.
        half_resolution: bool. Predict the fields at half resolution and resize them,
            which is faster and gives smoother fields.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"brain_t1"`), whose arguments then replace the defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 2-D or 3-D or not divisible by 16.

    Example:
        >>> model = ICNet((32, 32, 1), width=4)
        >>> image = keras.ops.ones((1, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["displacements"].shape)
        (1, 32, 32, 4)
    """
    inputs = pair_inputs(input_shape, divisor=16)
    moving, fixed = inputs["moving"], inputs["fixed"]
    network = _network(fixed.shape[1:], width, bound, half_resolution)
    there, back = network([moving, fixed]), network([fixed, moving])
    both = layers.Concatenate(name="displacements", dtype="float32")([there, back])
    outputs = {
        "displacement": there,
        "inverse_displacement": back,
        "displacements": both,
        "warped": SpatialTransformer(name="warp")([moving, there]),
        "warped_fixed": SpatialTransformer(name="warp_fixed")([fixed, back]),
    }
    return RegistrationModel(inputs=inputs, outputs=outputs, name=name)


def _network(input_shape, width, bound, half_resolution):
    """Build the U-Net that maps a moving and a fixed image to a displacement."""
    ndim = len(input_shape) - 1
    pair = [keras.Input(input_shape) for _ in range(2)]
    x = layers.Concatenate(name="pair")(pair)
    skips = []
    for level in range(4):
        stride = 2 if level else 1
        x = _convolution(x, width * 2**level, f"encoder_{level}_1", stride)
        x = _convolution(x, width * 2**level, f"encoder_{level}_2")
        skips.append(x)
    x = _convolution(x, 16 * width, "encoder_4_1", 2)
    x = _convolution(x, 8 * width, "encoder_4_2")
    levels = list(zip(range(3, -1, -1), UPSAMPLED, DECODER, strict=True))
    for level, factor, factors in levels[:-1] if half_resolution else levels:
        x = TRANSPOSED_CONVOLUTIONS[ndim](
            factor * width,
            2,
            strides=2,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"upsample_{level}",
        )(x)
        x = layers.Concatenate(name=f"join_{level}")([x, skips.pop()])
        for number, factor in enumerate(factors, start=1):
            x = _convolution(x, factor * width, f"decoder_{level}_{number}")
    x = CONVOLUTIONS[ndim](
        ndim,
        1,
        use_bias=False,
        activation="tanh",
        kernel_initializer=keras.initializers.RandomNormal(stddev=1e-5),
        dtype="float32",
        name="flow",
    )(x)
    if half_resolution:
        # Resizing doubles the values, so halve the bound.
        x = RescaleTransform(2, name="resized")(x)
        bound = bound / 2
    field = layers.Rescaling(bound, dtype="float32", name="bound")(x)
    return keras.Model(pair, field, name="network")


def _convolution(x, width, name, stride=1):
    return CONVOLUTIONS[len(x.shape) - 2](
        width,
        3,
        strides=stride,
        padding="same",
        use_bias=False,
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _regular():
    return WeightedSum([(AntiFolding(), 1e5), (Gradient(), 0.5)])


RECIPE = Recipe(
    data=ImagePairs(
        augmentation=Pose(rotation=3.0, scale=0.03, shift=1.0, flip=True), labels=True
    ),
    trainer=Supervised(
        losses={
            "warped": LNCC(window=9),
            "warped_fixed": LNCC(window=9),
            "displacements": InverseConsistency(),
            "displacement": _regular(),
            "inverse_displacement": _regular(),
            "warped_labels": Dice(),
        },
        weights={"warped_labels": 0.5},
        monitor="warped_labels",
    ),
    scales={
        "cpu": Scale(
            spacing=2.0,
            shapes=((80, 96, 80), (96, 112, 96)),
            steps=6400,
            learning_rate=1e-3,
            model={"width": 8, "half_resolution": True},
        ),
        "published": Scale(
            spacing=1.0,
            shapes=((144, 192, 160),),
            steps=20_001,
            learning_rate=5e-4,
            model={"width": 8},
            decay=False,
            changes={
                "data": ImagePairs(),
                "trainer": Supervised(
                    losses={
                        "warped": MSE(),
                        "warped_fixed": MSE(),
                        "displacements": InverseConsistency(),
                        "displacement": _regular(),
                        "inverse_displacement": _regular(),
                    },
                    # The public code adds the mean squared components of both
                    # directions. `InverseConsistency` is the mean of the squared
                    # lengths, which is 1.5 times as large in 3-D.
                    weights={"displacements": 0.05 / 1.5},
                ),
                "refinement": Refinement(MSE()),
            },
        ),
    },
    refinement=Refinement(LNCC(window=9)),
    images=Images("MR", "MR", "T1 brains of two persons", "skull-stripped"),
)

SYSTEM = System(
    name="icnet",
    builder=ICNet,
    chapter="5.1",
    reference="Zhang, arXiv 1809.03443, 2018 [142]",
    predicts="displacement both ways",
    recipes={"brain_t1": RECIPE},
)
