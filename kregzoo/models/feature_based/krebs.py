"""Krebs' conditional variational autoencoder of deformations.

Survey section 5.2, references [65] and [66]: Krebs, Mansi, Mailhe, Ayache, Delingette,
"Unsupervised Probabilistic Deformation Modeling for Robust Diffeomorphic Registration",
DLMIA at MICCAI 2018, arXiv 1804.07172, and Krebs, Delingette, Mailhe, Ayache, Mansi,
"Learning a Probabilistic Model for Diffeomorphic Registration", IEEE TMI 38(9), 2019,
arXiv 1812.07460. The survey calls the images 2-D; the papers register 3-D cine MR from
end diastole to end systole.

Published: an encoder that maps both images to a Gaussian of 32 latent variables; a
decoder conditioned on the moving image; Gaussian smoothing of the velocity, four
squarings and no other regularizer; local cross-correlation of both images, each warped
halfway; the divergence from a standard normal distribution.

Not confirmed for the papers, and taken from public copies of the work: four
convolutions of 16, 32, 32 and 4 channels in the encoder, three of them strided; 32, 32,
32 and 16 channels in the decoder, which receives the moving image at each scale;
LeakyReLU 0.2; a velocity bounded by tanh; a weight of 2e-4 of the divergence.

Our choices: the size of that bound; a one-channel map at a quarter of the resolution as
the first layer of the decoder; a single scale of velocities instead of the several
scales of the TMI paper; the central 128 pixels of 2-D slices; global instead of local
cross-correlation, which generalized better to unseen hearts; a smoothing of 3 pixels;
training on both directions of each pair, in a random common pose.
"""

import math

import keras
from keras import layers

from kregzoo.blocks import pair_inputs
from kregzoo.blocks.convolutions import (
    AVERAGE_POOLINGS,
    CONVOLUTIONS,
    TRANSPOSED_CONVOLUTIONS,
)
from kregzoo.layers import (
    ComposeTransform,
    GaussianSample,
    GaussianSmoothing,
    SpatialTransformer,
    VecInt,
)
from kregzoo.losses import LNCC, NCC, BendingEnergy, NormalDivergence
from kregzoo.presets.weights import pretrained
from kregzoo.registrars import GenerativeRegistrar, Refinement, RegistersPair
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

ENCODER = (16, 32, 32, 4)
DECODER = 32
LAST = 16


@pretrained("krebs")
def KrebsCVAE(
    input_shape=(160, 160, 1),
    latent_size=32,
    sigma=3.0,
    bound=16.0,
    integration_steps=4,
    weights=None,
    name="krebs",
):
    """Instantiate the network of Krebs et al. (DLMIA 2018, IEEE TMI 2019).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    with intensities in [0, 1], and returns `"warped"`; `"displacement"` and
    `"velocity"` `(B, *spatial, D)` in voxels; `"latent_statistics"`
    `(B, 2 * latent_size)`, means and log-variances; and `"halfway"` and
    `"halfway_fixed"`, both images warped halfway. Two layers are models: `"encoder"`
    maps both images to the statistics, and `"decoder"` maps latent variables and a
    moving image to a velocity.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            divisible by 8.
        latent_size: int. Number of latent variables.
        sigma: float. Standard deviation in voxels of the velocity smoothing.
        bound: float. Largest absolute value of a velocity component, in voxels.
        integration_steps: int >= 1. Squarings of the integration.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"cardiac_cine"`), whose arguments then replace the
            defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 2-D or 3-D, contains None, or is not
            divisible by 8.

    Example:
        >>> model = KrebsCVAE((32, 32, 1))
        >>> image = keras.ops.ones((1, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["latent_statistics"].shape)
        (1, 64)
    """
    if None in tuple(input_shape):
        raise ValueError(
            "`input_shape` must not contain None: the latent variables describe the "
            f"whole image. Received: input_shape={tuple(input_shape)}"
        )
    inputs = pair_inputs(input_shape, divisor=8)
    statistics = _encoder(inputs["fixed"].shape[1:], latent_size)(
        [inputs["moving"], inputs["fixed"]]
    )
    latent = GaussianSample(name="latent")(statistics)
    velocity = _decoder(inputs["fixed"].shape[1:], latent_size, sigma, bound)(
        [latent, inputs["moving"]]
    )
    half, back = (
        VecInt(integration_steps, name=name)(
            layers.Rescaling(factor, dtype="float32", name=f"{name}_velocity")(velocity)
        )
        for factor, name in ((0.5, "half"), (-0.5, "half_back"))
    )
    # The full displacement is the halfway displacement applied twice.
    field = ComposeTransform(name="displacement")([half, half])
    outputs = {
        "latent_statistics": statistics,
        "velocity": velocity,
        "displacement": field,
        "warped": _warped(inputs["moving"], field, "warp"),
        "halfway": _warped(inputs["moving"], half, "warp_halfway"),
        "halfway_fixed": _warped(inputs["fixed"], back, "warp_halfway_fixed"),
    }
    return RegistrationModel(
        inputs=inputs,
        outputs=outputs,
        name=name,
        targets={"halfway": "halfway_fixed"},
    )


def _encoder(input_shape, latent_size):
    pair = [keras.Input(input_shape, name=name) for name in ("moving", "fixed")]
    x = layers.Concatenate(name="pair")(pair)
    for number, width in enumerate(ENCODER, start=1):
        stride = 2 if number < len(ENCODER) else 1
        x = _convolution(x, width, stride, f"encoder_{number}")
    x = layers.Flatten(name="flat")(x)
    heads = [
        layers.Dense(latent_size, dtype="float32", name=f"latent_{statistic}")(x)
        for statistic in ("mean", "log_variance")
    ]
    statistics = layers.Concatenate(name="latent_statistics", dtype="float32")(heads)
    return keras.Model(pair, statistics, name="encoder")


def _decoder(input_shape, latent_size, sigma, bound):
    ndim = len(input_shape) - 1
    latent = keras.Input((latent_size,), name="latent")
    moving = keras.Input(input_shape, name="moving")
    pooling = AVERAGE_POOLINGS[ndim]
    conditions = [moving]
    for number in (1, 2):
        conditions.append(pooling(2, name=f"condition_{number}")(conditions[-1]))
    coarse = conditions[-1].shape[1:]
    x = layers.Dense(math.prod(coarse), name="map_values")(latent)
    x = layers.Reshape(coarse, name="map")(x)
    for number, condition in enumerate(reversed(conditions), start=1):
        x = layers.Concatenate(name=f"condition_{number}_joined")([x, condition])
        if number < len(conditions):
            x = TRANSPOSED_CONVOLUTIONS[ndim](
                DECODER,
                4,
                strides=2,
                padding="same",
                kernel_initializer="he_normal",
                name=f"decoder_{number}",
            )(x)
            x = layers.LeakyReLU(0.2, name=f"decoder_{number}_activation")(x)
        else:
            x = _convolution(x, DECODER, 1, f"decoder_{number}")
    x = _convolution(x, LAST, 1, "decoder_last")
    x = CONVOLUTIONS[ndim](
        ndim,
        3,
        padding="same",
        activation="tanh",
        kernel_initializer=keras.initializers.RandomNormal(stddev=1e-5),
        dtype="float32",
        name="raw_velocity",
    )(x)
    x = layers.Rescaling(bound, dtype="float32", name="bound")(x)
    velocity = GaussianSmoothing(sigma, name="smooth")(x)
    return keras.Model([latent, moving], velocity, name="decoder")


def _convolution(x, width, stride, name):
    x = CONVOLUTIONS[len(x.shape) - 2](
        width,
        3,
        strides=stride,
        padding="same",
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.LeakyReLU(0.2, name=f"{name}_activation")(x)


def _warped(image, field, name):
    return SpatialTransformer(name=name)([image, field])


# Pixels. A window narrower than the motion of the heart wall would contain only noise.
WINDOW = 25

RECIPE = Recipe(
    data=ImagePairs(
        augmentation=Pose(rotation=10.0, scale=0.1, shift=8.0, flip=True),
        both_directions=True,
        alignment="none",
        held_out=40,
    ),
    trainer=Supervised(
        losses={"halfway": NCC(), "latent_statistics": NormalDivergence()},
        weights={"latent_statistics": 2e-4},
    ),
    scales={
        "cpu": Scale(
            spacing=1.0,
            shapes=((128, 128),),
            steps=8000,
            learning_rate=1e-3,
            batch_size=8,
            divisor=None,
        ),
        "published": Scale(
            spacing=1.0,
            shapes=((128, 128),),
            steps=50_000,
            learning_rate=1e-4,
            divisor=None,
            decay=False,
            changes={
                "data": ImagePairs(alignment="none", held_out=20),
                "trainer": Supervised(
                    losses={"halfway": LNCC(), "latent_statistics": NormalDivergence()},
                    weights={"latent_statistics": 2e-4},
                ),
            },
        ),
    },
    refinement=Refinement(LNCC(window=WINDOW), ((BendingEnergy(), 1.0),)),
    images=Images("MR", "MR", "short-axis cine slices of one heart"),
)

SYSTEM = System(
    name="krebs",
    builder=KrebsCVAE,
    chapter="5.2",
    reference="Krebs et al., DLMIA 2018 [65] and IEEE TMI 2019 [66]",
    predicts="velocity",
    recipes={"cardiac_cine": RECIPE},
    task=RegistersPair(GenerativeRegistrar),
)
