"""ASN: a registration network trained by a discriminator instead of a similarity.

Survey section 5.1, reference [33]: Fan, Cao, Xue, Yap, Shen, "Adversarial Similarity
Network for Evaluating Image Alignment in Deep Learning Based Registration", MICCAI
2018, and Fan, Cao, Wang, Yap, Shen, Medical Image Analysis 58, 2019.

Published, in the papers or the authors' later public code for whole images: the U-Net
of VoxelMorph-1 with a displacement at full resolution; a discriminator of six
convolutions of 8, 8, 16, 16, 32 and 32 channels and one convolution that outputs a map
of logits; LeakyReLU 0.2; a loss of the discriminator's cross-entropy and smoothness,
without a similarity; positive pairs in which the fixed image is blended with 20 % of
the moving image; a discriminator learning rate that falls with the loss of the
discriminator; Adam at 1e-4; one pair per step.

Our choices: at the `cpu` scale, a field at half resolution, 2 mm voxels, and a
discriminator input smoothed by one voxel, because the discriminator otherwise
recognized warped images by their interpolation blur and ignored the alignment; a random
common pose; a learning rate that decays to zero along a cosine; a smoothness weight of
10 instead of 1000; targets of 0.9 instead of 1 for the positive pairs, which slow the
discriminator, because it soon ranks all pairs correctly.

The recipes `brain_t1_ssd` and `brain_t1_ncc` train the same network with a similarity,
for the comparison of the papers.
"""

import keras
from keras import layers

from kregzoo.blocks import pair_inputs, unet
from kregzoo.blocks.convolutions import CONVOLUTIONS
from kregzoo.layers import (
    GaussianSmoothing,
    GradientScale,
    RescaleTransform,
    SpatialTransformer,
)
from kregzoo.losses import MSE, NCC, Gradient
from kregzoo.presets.weights import pretrained
from kregzoo.registrars import Refinement
from kregzoo.training import (
    Adversarial,
    Adversary,
    Discriminator,
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
DECODER = (32, 32, 32, 32, 8, 8)
# Channels and strides of the convolutions of the discriminator.
DISCRIMINATOR = ((8, 2), (8, 2), (16, 2), (16, 2), (32, 2), (32, 1))
BLEND = 0.2


@pretrained("asn")
def ASN(
    input_shape=(160, 224, 192, 1),
    half_resolution=False,
    judged=True,
    blur=0.0,
    weights=None,
    name="asn",
):
    """Instantiate ASN (Fan et al., MICCAI 2018).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    affinely aligned, with intensities in [0, 1], and returns `"warped"` and
    `"displacement"` `(B, *spatial, D)` in voxels. With a discriminator it also returns
    `"quality"`, a map of logits `(B, *coarse, 1)` that are high where the discriminator
    classifies the warped image as aligned.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            divisible by 16, or `None`.
        half_resolution: bool. Predict the field at half resolution and resize it.
        judged: bool. Whether to add the discriminator.
        blur: float. Gaussian smoothing of the discriminator input, in voxels.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"brain_t1"`), whose arguments then replace the defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 2-D or 3-D or not divisible by 16.

    Example:
        >>> model = ASN((32, 32, 1))
        >>> image = keras.ops.ones((1, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["quality"].shape)
        (1, 1, 1, 1)
    """
    inputs = pair_inputs(input_shape, divisor=2 ** len(ENCODER))
    moving, fixed = inputs["moving"], inputs["fixed"]
    pair = layers.Concatenate(name="pair")([moving, fixed])
    field = _convolution(
        unet(pair, ENCODER, DECODER, half_resolution),
        len(fixed.shape) - 2,
        "flow",
        kernel_initializer=keras.initializers.RandomNormal(stddev=1e-5),
        dtype="float32",
    )
    if half_resolution:
        field = RescaleTransform(2, name="full_resolution_field")(field)
    outputs = {
        "displacement": field,
        "warped": SpatialTransformer(name="warp")([moving, field]),
    }
    if judged:
        passed = GradientScale(name="adversary")(outputs["warped"])
        outputs["quality"] = _discriminator(fixed.shape[1:], blur)(
            {"warped": passed, "fixed": fixed}
        )
    return RegistrationModel(inputs=inputs, outputs=outputs, name=name)


def _discriminator(input_shape, blur):
    inputs = {name: keras.Input(input_shape, name=name) for name in ("warped", "fixed")}
    x = layers.Concatenate(name="judged")([inputs["warped"], inputs["fixed"]])
    if blur:
        x = GaussianSmoothing(blur, name="blur")(x)
    for number, (width, stride) in enumerate(DISCRIMINATOR, start=1):
        x = _convolution(x, width, f"judge_{number}", strides=stride)
        x = layers.LeakyReLU(0.2, name=f"judge_{number}_activation")(x)
    logits = _convolution(x, 1, "logits", dtype="float32")
    return Discriminator(inputs, logits, name="discriminator")


def _convolution(x, width, name, **options):
    layer = CONVOLUTIONS[len(x.shape) - 2]
    return layer(width, 3, padding="same", name=name, **options)(x)


def blended(x, y):
    """Blend each fixed image with the moving image: nearly perfect alignments."""
    return BLEND * x["moving"] + (1 - BLEND) * x["fixed"]


def _recipe(trainer, published, model, refinement=None):
    return Recipe(
        data=ImagePairs(
            augmentation=Pose(rotation=3.0, scale=0.03, shift=1.0, flip=True)
        ),
        trainer=trainer,
        scales={
            "cpu": Scale(
                spacing=2.0,
                shapes=((80, 96, 80), (96, 112, 96)),
                steps=3000,
                learning_rate=1e-3,
                model={"half_resolution": True, **model},
            ),
            "published": Scale(
                spacing=1.0,
                shapes=((160, 224, 192),),
                steps=150_000,
                learning_rate=1e-4,
                model={"judged": model["judged"]},
                decay=False,
                changes={"data": ImagePairs(), "trainer": published},
            ),
        },
        refinement=refinement,
        images=Images("MR", "MR", "T1 brains of two persons", "skull-stripped"),
    )


def _adversarial(weight, smoothing=0.0):
    return Adversarial(
        losses={"displacement": Gradient("l2", fold_factor=10.0)},
        weights={"displacement": weight},
        # The discriminator dominates the validation loss.
        monitor=None,
        adversary=Adversary(
            positives=blended,
            learning_rate=1e-4,
            gates=((0.6, 1.0), (0.4, 0.1), (0.2, 0.01)),
            beta_1=0.9,
            smoothing=smoothing,
        ),
    )


def _by_similarity(loss):
    """Make the recipe that trains the same network with a similarity loss."""
    trainer, published = (
        Supervised(
            losses={"warped": loss, "displacement": Gradient("l2")},
            weights={"displacement": weight},
        )
        for weight in (0.05, 1.0)
    )
    return _recipe(trainer, published, {"judged": False}, Refinement(loss))


SYSTEM = System(
    name="asn",
    builder=ASN,
    chapter="5.1",
    reference="Fan et al., MICCAI 2018 [33]",
    predicts="displacement",
    recipes={
        "brain_t1": _recipe(
            _adversarial(10.0, smoothing=0.1),
            _adversarial(1000.0),
            {"judged": True, "blur": 1.0},
        ),
        "brain_t1_ssd": _by_similarity(MSE()),
        "brain_t1_ncc": _by_similarity(NCC()),
    },
)
