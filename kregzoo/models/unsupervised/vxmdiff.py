"""VoxelMorph-diff: a probabilistic network that predicts a stationary velocity field.

Survey section 5.1, reference [23]: Dalca, Balakrishnan, Guttag, Sabuncu, "Unsupervised
Learning for Fast Probabilistic Diffeomorphic Registration", MICCAI 2018, and Medical
Image Analysis 57, 2019.

Published: the widths, the field at half resolution, mean and log-variance heads with
their initialization, seven squarings, the KL divergence from a smoothness prior, Adam,
one pair per step. The division by 2**7 in scaling and squaring is from the authors'
later code. The first release lacks the division, and its hyperparameters suit that.

Our choices at the `cpu` scale: local cross-correlation instead of the Gaussian image
likelihood (mean squared error over sigma**2), because scans of several sessions differ
in intensity; loss weights that suit this similarity; auxiliary labels in training; 2 mm
voxels; pairs of subjects in both directions instead of pairs with one atlas; a random
common pose of each pair; a learning rate of 1e-3 that decays to zero along a cosine.
"""

import keras
from keras import layers

from kregzoo.blocks import pair_inputs, unet
from kregzoo.blocks.convolutions import CONVOLUTIONS
from kregzoo.layers import GaussianSample, RescaleTransform, SpatialTransformer, VecInt
from kregzoo.losses import LNCC, MSE, Dice, KLDivergence
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

ENCODER = (16, 32, 32, 32)
DECODER = (32, 32, 32, 32, 16)
# Standard deviation of the image noise, as published for intensities in [0, 1].
IMAGE_SIGMA = 0.02


@pretrained("vxmdiff", free=("bidirectional",))
def VoxelMorphDiff(
    input_shape=(160, 192, 224, 1),
    integration_steps=7,
    bidirectional=False,
    include_top=True,
    weights=None,
    name="vxmdiff",
):
    """Instantiate VoxelMorph-diff (Dalca et al., MICCAI 2018 and MedIA 2019).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    affinely aligned, with intensities in [0, 1]. It returns `"warped"`;
    `"displacement"` `(B, *spatial, D)` in voxels; `"velocity"` `(B, *spatial / 2, D)`
    in half-resolution voxels, which is a sample in training and the mean otherwise; and
    `"velocity_statistics"` `(B, *spatial / 2, 2 D)`, means and log-variances for
    `KLDivergence`.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            divisible by 16, or `None`.
        integration_steps: int >= 1. Squarings of the integration.
        bidirectional: bool. Also integrate the negative velocity, and return
            `"inverse_displacement"` and `"warped_fixed"`.
        include_top: bool. Whether to add the heads and the warp. Otherwise the model
            returns only `"features"`, at half resolution.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"brain_t1"`), whose arguments then replace the defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `integration_steps` is below 1; `weights` are unknown or belong
            to another architecture or other arguments; or `input_shape` is not 2-D or
            3-D or not divisible by 16.

    Example:
        >>> model = VoxelMorphDiff((32, 32, 1))
        >>> image = keras.ops.ones((1, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["velocity"].shape)
        (1, 16, 16, 2)
    """
    if integration_steps < 1:
        raise ValueError(
            f"`integration_steps` must be at least 1. Received: {integration_steps}"
        )
    inputs = pair_inputs(input_shape, divisor=2 ** len(ENCODER))
    features = unet(
        layers.Concatenate(name="pair")([inputs["moving"], inputs["fixed"]]),
        ENCODER,
        DECODER,
        half_resolution=True,
    )
    outputs = {"features": features}
    if include_top:
        outputs = _heads(features, inputs, integration_steps, bidirectional)
    return RegistrationModel(inputs=inputs, outputs=outputs, name=name)


def _heads(features, inputs, steps, bidirectional):
    mean = _head(features, "velocity_mean", stddev=1e-5)
    log_variance = _head(features, "velocity_log_variance", stddev=1e-10, bias=-10.0)
    statistics = layers.Concatenate(name="statistics", dtype="float32")(
        [mean, log_variance]
    )
    velocity = GaussianSample(name="velocity")(statistics)
    field = _integrated(velocity, steps, "displacement")
    outputs = {
        "velocity": velocity,
        "velocity_statistics": statistics,
        "displacement": field,
        "warped": SpatialTransformer(name="warp")([inputs["moving"], field]),
    }
    if bidirectional:
        negative = layers.Rescaling(-1.0, dtype="float32", name="negative")(velocity)
        inverse = _integrated(negative, steps, "inverse_displacement")
        warp = SpatialTransformer(name="warp_fixed")
        outputs["inverse_displacement"] = inverse
        outputs["warped_fixed"] = warp([inputs["fixed"], inverse])
    return outputs


def _head(features, name, stddev, bias=0.0):
    ndim = len(features.shape) - 2
    return CONVOLUTIONS[ndim](
        ndim,
        3,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=stddev),
        bias_initializer=keras.initializers.Constant(bias),
        dtype="float32",
        name=name,
    )(features)


def _integrated(velocity, steps, name):
    field = VecInt(steps, name=f"{name}_integrate")(velocity)
    return RescaleTransform(2, name=f"{name}_full_resolution")(field)


RECIPE = Recipe(
    data=ImagePairs(
        augmentation=Pose(rotation=3.0, scale=0.03, shift=1.0, flip=True), labels=True
    ),
    trainer=Supervised(
        losses={
            "warped": LNCC(window=9),
            "velocity_statistics": KLDivergence(prior_lambda=100.0),
            "warped_labels": Dice(),
        },
        # With `prior_lambda=100` the squared velocity gradient has the weight of the
        # squared displacement gradient in the recipe of VoxelMorph:
        # 0.0067 * 3 / 2 * 100 / 2 = 0.5.
        weights={
            "warped": 1.0,
            "velocity_statistics": 0.0067,
            "warped_labels": 0.5,
        },
        monitor="warped_labels",
    ),
    scales={
        "cpu": Scale(
            spacing=2.0,
            shapes=((80, 96, 80), (96, 112, 96)),
            steps=8000,
            learning_rate=1e-3,
        ),
        "published": Scale(
            spacing=1.0,
            # 160 x 192 x 224 of the papers, with the axes in RAS order.
            shapes=((160, 224, 192),),
            steps=150_000,
            learning_rate=1e-4,
            decay=False,
            changes={
                "data": ImagePairs(),
                "trainer": Supervised(
                    losses={
                        "warped": MSE(),
                        "velocity_statistics": KLDivergence(prior_lambda=10.0),
                    },
                    weights={"warped": IMAGE_SIGMA**-2, "velocity_statistics": 1.0},
                ),
                "refinement": Refinement(MSE()),
            },
        ),
    },
    refinement=Refinement(LNCC(window=9)),
    images=Images("MR", "MR", "T1 brains of two persons", "skull-stripped"),
)

SYSTEM = System(
    name="vxmdiff",
    builder=VoxelMorphDiff,
    chapter="5.1",
    reference="Dalca et al., MICCAI 2018 and Medical Image Analysis 2019 [23]",
    predicts="velocity",
    recipes={"brain_t1": RECIPE},
)
