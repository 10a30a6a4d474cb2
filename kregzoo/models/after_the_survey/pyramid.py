"""A dual-stream pyramid whose two directions are inverses of each other.

Not in the survey. The architecture is ours. It follows pyramids that encode each image
separately and refine the deformation from coarse to fine: Mok and Chung, "Large
Deformation Diffeomorphic Image Registration with Laplacian Pyramid Networks", MICCAI
2020; Kang, Hu, Huang, Scott, Reyes, "Dual-stream pyramid registration network", Medical
Image Analysis 78, 2022; Liu et al., "Unsupervised deformable image registration
revisited". The construction that makes both directions inverses follows Honkamaa
and Marttinen, "SITReg: Multi-resolution architecture for symmetric, inverse consistent,
and topology preserving image registration", 2023.

Both images are deformed toward a space in the middle. Each level predicts a velocity
from the features of both images, warped to the middle. Exchanging the images changes
its sign, so that the network is symmetric, and the inverses of all updates are known.

All widths, losses, the bound of the velocities and both scales of the recipe are our
choices. There is no preset yet.
"""

import functools

import keras
from keras import layers

from kregzoo.blocks import pair_inputs
from kregzoo.blocks.convolutions import AVERAGE_POOLINGS, CONVOLUTIONS
from kregzoo.layers import (
    ComposeTransform,
    RescaleTransform,
    SpatialTransformer,
    VecInt,
)
from kregzoo.losses import LNCC, Dice, Gradient
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

# Largest velocity of a level, in its voxels.
LARGEST = 4.0


@pretrained("pyramid")
def PyramidRegistration(
    input_shape=(160, 192, 224, 1),
    widths=(24, 32, 48, 64),
    integration_steps=5,
    weights=None,
    name="pyramid",
):
    """Instantiate a symmetric, inverse-consistent pyramid.

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    affinely aligned, with intensities in [0, 1], and returns `"warped"`,
    `"displacement"`, `"warped_fixed"` and `"inverse_displacement"`, with displacements
    `(B, *spatial, D)` in voxels. For losses at each level, it also returns
    `"warped_level_1"`, at half resolution, `"warped_level_2"` and so on, and the fixed
    images that they are compared with, `"fixed_level_1"` and so on.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            divisible by `2 ** len(widths)`, or `None`.
        widths: tuple of ints. Channels of each level, from half resolution down.
        integration_steps: int. Squarings of the integration at each level.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"brain_t1"`), whose arguments then replace the defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 2-D or 3-D or not divisible.

    Example:
        >>> model = PyramidRegistration((32, 32, 1), widths=(8, 8))
        >>> image = keras.ops.ones((1, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["displacement"].shape)
        (1, 32, 32, 2)
    """
    inputs = pair_inputs(input_shape, divisor=2 ** len(widths))
    moving, fixed = inputs["moving"], inputs["fixed"]
    encoder = _encoder(fixed.shape[1:], widths)
    features = list(zip(encoder(moving), encoder(fixed), strict=True))
    images = (
        _pooled(moving, len(widths), "moving"),
        _pooled(fixed, len(widths), "fixed"),
    )
    outputs, halves = {}, None
    for level in range(len(widths), 0, -1):
        halves = _refined(halves, *features[level - 1], level, integration_steps)
        there, back = _both_directions(halves, f"level_{level}")
        outputs[f"fixed_level_{level}"] = images[1][level - 1]
        outputs[f"warped_level_{level}"] = SpatialTransformer(name=f"warp_{level}")(
            [images[0][level - 1], there]
        )
    there = RescaleTransform(2, name="displacement")(there)
    back = RescaleTransform(2, name="inverse_displacement")(back)
    outputs |= {
        "displacement": there,
        "inverse_displacement": back,
        "warped": SpatialTransformer(name="warp")([moving, there]),
        "warped_fixed": SpatialTransformer(name="warp_fixed")([fixed, back]),
    }
    levels = range(1, len(widths) + 1)
    targets = {f"warped_level_{level}": f"fixed_level_{level}" for level in levels}
    return RegistrationModel(inputs=inputs, outputs=outputs, name=name, targets=targets)


def _encoder(input_shape, widths):
    """Build the encoder that maps either image to the features of each level."""
    image = keras.Input(input_shape)
    x, features = image, []
    for level, width in enumerate(widths, start=1):
        x = _convolution(x, width, f"encoder_{level}_1", strides=2)
        x = _convolution(x, width, f"encoder_{level}_2")
        features.append(x)
    return keras.Model(image, features, name="encoder")


def _refined(halves, moving, fixed, level, steps):
    """Update the deformations between both images and the middle at one level.

    Args:
        halves: dict of the displacements of the next coarser level, or None at the
            coarsest: `"to_moving"` and `"to_fixed"`, from the middle, and
            `"from_moving"` and `"from_fixed"`, their inverses.
        moving: Keras tensor of the features of the moving image.
        fixed: Keras tensor of the features of the fixed image.
        level: int.
        steps: int. Squarings of the integration.

    Returns:
        The dict of the displacements at this level.
    """
    if halves is not None:
        halves = {
            name: RescaleTransform(2, name=f"{name}_{level}_resized")(field)
            for name, field in halves.items()
        }
        warp = SpatialTransformer(name=f"warp_features_{level}")
        moving = warp([moving, halves["to_moving"]])
        fixed = warp([fixed, halves["to_fixed"]])
    predict = _update(moving.shape[1:], f"update_{level}")
    # The sign changes if the images are exchanged.
    difference = layers.Subtract(name=f"difference_{level}", dtype="float32")(
        [predict([moving, fixed]), predict([fixed, moving])]
    )
    velocity = _bounded(difference, f"velocity_{level}")
    negative = layers.Rescaling(-1.0, name=f"negative_{level}", dtype="float32")
    integrate = VecInt(steps, name=f"integrate_{level}")
    there, back = integrate(velocity), integrate(negative(velocity))
    if halves is None:
        return {
            "to_moving": there,
            "to_fixed": back,
            "from_moving": back,
            "from_fixed": there,
        }
    parts = {
        "to_moving": [halves["to_moving"], there],
        "to_fixed": [halves["to_fixed"], back],
        "from_moving": [back, halves["from_moving"]],
        "from_fixed": [there, halves["from_fixed"]],
    }
    return {
        name: ComposeTransform(name=f"{name}_{level}")(pair)
        for name, pair in parts.items()
    }


def _bounded(velocity, name):
    """Keep a velocity below `LARGEST` voxels, as Mok and Chung (2020) do.

    Training diverged without a bound.
    """
    share = layers.Rescaling(1 / LARGEST, name=f"{name}_share", dtype="float32")
    bound = layers.Activation("softsign", name=f"{name}_bound", dtype="float32")
    whole = layers.Rescaling(LARGEST, name=name, dtype="float32")
    return whole(bound(share(velocity)))


def _update(input_shape, name):
    """Build the network that predicts the velocity of a level from both features."""
    ndim, width = len(input_shape) - 1, input_shape[-1]
    pair = [keras.Input(input_shape) for _ in range(2)]
    x = layers.Concatenate(name="pair")(pair)
    for number in (1, 2):
        x = _convolution(x, width, f"{name}_{number}")
    x = CONVOLUTIONS[ndim](
        ndim,
        3,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=1e-5),
        dtype="float32",
        name=f"{name}_flow",
    )(x)
    return keras.Model(pair, x, name=name)


def _both_directions(halves, name):
    """Compose the displacement of each direction through the middle."""
    return (
        ComposeTransform(name=f"there_{name}")(
            [halves["to_moving"], halves["from_fixed"]]
        ),
        ComposeTransform(name=f"back_{name}")(
            [halves["to_fixed"], halves["from_moving"]]
        ),
    )


def _pooled(image, levels, name):
    pooled = []
    for level in range(1, levels + 1):
        image = AVERAGE_POOLINGS[len(image.shape) - 2](2, name=f"{name}_pool_{level}")(
            image
        )
        pooled.append(image)
    return pooled


def _convolution(x, width, name, strides=1):
    x = CONVOLUTIONS[len(x.shape) - 2](
        width,
        3,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.LeakyReLU(negative_slope=0.2, name=f"{name}_activation")(x)


SIMILARITY = LNCC(window=9)

RECIPE = Recipe(
    data=ImagePairs(
        augmentation=Pose(rotation=3.0, scale=0.03, shift=1.0, flip=True), labels=True
    ),
    trainer=Supervised(
        losses={
            "warped": SIMILARITY,
            "warped_level_1": SIMILARITY,
            "warped_level_2": SIMILARITY,
            "displacement": Gradient("l2"),
            "warped_labels": Dice(),
        },
        weights={
            "warped": 1.0,
            "warped_level_1": 0.5,
            "warped_level_2": 0.25,
            "displacement": 0.5,
            "warped_labels": 1.0,
        },
        optimizer=functools.partial(keras.optimizers.Adam, global_clipnorm=1.0),
        monitor="warped_labels",
    ),
    scales={
        "cpu": Scale(
            spacing=2.0,
            shapes=((80, 96, 80), (96, 112, 96)),
            steps=8000,
            learning_rate=6e-4,
        ),
        "published": Scale(
            spacing=1.0,
            shapes=((160, 224, 192),),
            steps=150_000,
            learning_rate=1e-4,
        ),
    },
    refinement=Refinement(SIMILARITY),
    images=Images("MR", "MR", "T1 brains of two persons", "skull-stripped"),
)

SYSTEM = System(
    name="pyramid",
    builder=PyramidRegistration,
    chapter="after the survey",
    reference="ours, after Mok and Chung, MICCAI 2020, Kang et al., Medical Image "
    "Analysis 2022, and Honkamaa and Marttinen, 2023",
    predicts="displacement both ways",
    recipes={"brain_t1": RECIPE},
)
