"""AIR-GAN: adversarial rigid registration of MR and ultrasound images.

Survey section 4.2, reference [134]: Yan, Xu, Rastinehad, Wood, "Adversarial Image
Registration with Application for MR and TRUS Image Fusion", MLMI at MICCAI 2018. The
authors call it AIR-net, which is also the name of networks in sections 4.1 and 5.1.

Published: 3-D images treated as 2-D images whose channels are slices; a generator of
dilated and strided convolutions with 128 channels, one residual block of three
convolutions, one convolution with 8 channels, and dense layers of 256 units and of the
parameters; a discriminator that compares the fixed image with the moving image,
resampled by the true or by the estimated transform; a distance of the parameters added
to the adversarial loss; the score of the discriminator as the quality of any alignment.

Not confirmed: all layers of the discriminator, the kind of adversarial loss (here a
Wasserstein critic with gradient penalty), and the weight of that loss (here 0.01,
reached by a linear ramp that starts after a fifth of the training). Our choices: the
data set decides which image is the moving image; parameters are in units of half the
image size; the distance weights each parameter by the displacement it causes (see
`AffineDistance`); 3 mm voxels and 32 channels at the `cpu` scale; as a substitute for
the expert's alignment, the rigid transform that best overlays the segmented structures;
half of the misaligned examples of the discriminator are unregistered moving images.
"""

import keras
import numpy as np
from keras import layers
from keras import ops as kops

from kregzoo import ops
from kregzoo.blocks import pair_inputs
from kregzoo.layers import AffineTransformer, GradientScale, RigidMatrix
from kregzoo.losses import AffineDistance
from kregzoo.presets.weights import pretrained
from kregzoo.protocols import RIGID_STARTS
from kregzoo.registrars import QualityScoringRegistrar, RegistersPair
from kregzoo.training import (
    Adversarial,
    Adversary,
    Discriminator,
    Images,
    KnownAffines,
    Pose,
    Recipe,
    RegistrationModel,
    Scale,
    System,
)

BEFORE_DENSE = 8
DENSE = 256
# Channels of the discriminator, in units of half the width of the generator.
DISCRIMINATOR = (1, 2, 2, 2)
STEPS = 8000


@pretrained("air_gan")
def AIRGAN(
    input_shape=(96, 96, 32, 1),
    width=128,
    weights=None,
    name="air_gan",
):
    """Instantiate AIR-GAN (Yan et al., MLMI 2018).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    with intensities in [0, 1], and returns `"warped"`, `"affine"` `(B, D, D + 1)`, a
    rigid transform in voxels about the image center, and `"quality"` `(B, 1)`, which is
    high if the discriminator classifies the warped image as aligned. The discriminator
    is the layer `"discriminator"`, a model called on `{"warped": ..., "fixed": ...}`.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D. The first two
            sizes must be divisible by 4.
        width: int. Channels of the convolutions of the generator. The first convolution
            of the discriminator has half as many.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"prostate_mr_us"`), whose arguments then replace the
            defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 2-D or 3-D, contains None or is not
            divisible.

    Example:
        >>> model = AIRGAN((32, 32, 8, 1), width=16)
        >>> image = keras.ops.ones((1, 32, 32, 8, 1))
        >>> outputs = model({"moving": image, "fixed": image})
        >>> tuple(outputs["affine"].shape), tuple(outputs["quality"].shape)
        ((1, 3, 4), (1, 1))
    """
    if None in tuple(input_shape):
        raise ValueError(
            "`input_shape` must not contain None: the network sees the whole image. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    inputs = pair_inputs(input_shape)
    if any(size % 4 for size in input_shape[:2]):
        raise ValueError(
            "The first two sizes of `input_shape` must be divisible by 4: pad or "
            f"resample. Received: input_shape={tuple(input_shape)}"
        )
    affine = _generator(inputs, width)
    warped = AffineTransformer(name="warp")([inputs["moving"], affine])
    judged = GradientScale(name="adversary")(warped)
    quality = _discriminator(inputs["fixed"].shape[1:], width // 2)(
        {"warped": judged, "fixed": inputs["fixed"]}
    )
    return RegistrationModel(
        inputs=inputs,
        outputs={"affine": affine, "warped": warped, "quality": quality},
        name=name,
    )


def _generator(inputs, width):
    ndim = len(inputs["fixed"].shape) - 2
    x = _slices([inputs["moving"], inputs["fixed"]], "pair")
    x = _convolution(x, width, 3, "dilated", dilation_rate=2)
    for number in (1, 2):
        x = _convolution(x, width, 3, f"strided_{number}", strides=2)
    y = x
    for number in (1, 2, 3):
        y = _convolution(y, width, 3, f"residual_{number}")
    x = layers.Add(name="residual")([x, y])
    x = _convolution(x, BEFORE_DENSE, 1, "reduced")
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(DENSE, kernel_initializer="he_normal", name="dense")(x)
    x = layers.LeakyReLU(0.2, name="dense_activation")(x)
    rotations = ndim * (ndim - 1) // 2
    x = layers.Dense(
        ndim + rotations, kernel_initializer="zeros", dtype="float32", name="motion"
    )(x)
    half = np.mean(inputs["fixed"].shape[1:-1]) / 2
    # An output of 1 moves the faces of the image by half a voxel, in every parameter.
    units = [0.5] * ndim + [0.5 / half] * rotations
    x = layers.Rescaling(units, dtype="float32", name="parameters")(x)
    return RigidMatrix(name="affine")(x)


def _discriminator(input_shape, width):
    inputs = {name: keras.Input(input_shape, name=name) for name in ("warped", "fixed")}
    x = _slices([inputs["warped"], inputs["fixed"]], "judged")
    for number, factor in enumerate(DISCRIMINATOR, start=1):
        x = layers.Conv2D(
            factor * width, 3, strides=2, padding="same", name=f"judge_{number}"
        )(x)
        x = layers.LeakyReLU(0.2, name=f"judge_{number}_activation")(x)
    x = layers.GlobalAveragePooling2D(name="judge_pool")(x)
    score = layers.Dense(1, dtype="float32", name="score")(x)
    return Discriminator(inputs, score, name="discriminator")


def _slices(images, name):
    """Concatenate images, then turn slices along the last axis into channels."""
    x = layers.Concatenate(name=name)(images)
    shape = x.shape[1:3]
    return layers.Reshape((*shape, int(np.prod(x.shape[3:]))), name=f"{name}_slices")(x)


def _convolution(x, width, size, name, **options):
    x = layers.Conv2D(
        width,
        size,
        padding="same",
        kernel_initializer="he_normal",
        name=name,
        **options,
    )(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.LeakyReLU(0.2, name=f"{name}_activation")(x)


def truly_aligned(x, y):
    """Warp the moving images by the ground truth affines."""
    moving, affine = (kops.convert_to_tensor(a) for a in (x["moving"], y["affine"]))
    grid = ops.affine_grid(affine, moving.shape[1:-1])
    return kops.convert_to_numpy(ops.sample(moving, grid))


def half_unmoved(x, outputs):
    """Mix unregistered moving images with warped ones, as misaligned examples.

    Without the unregistered images, the discriminator would only see alignments that
    are as good as the current network's, and could not score worse ones.
    """
    images = np.array(outputs["warped"])
    images[::2] = x["moving"][::2]
    return images


# Root mean square distance of prostate points from the center along an axis, in voxels
# of 3 mm.
RADIUS = 5.0
# In voxels of 1 mm: weights 1 degree about an axis as much as 1 mm along an axis.
PUBLISHED_RADIUS = 180 / np.pi / 2**0.5


def _data(rotation, shift, augmentation=None):
    return KnownAffines(
        augmentation=augmentation,
        moving_augmentation=Pose(rotation=rotation, shift=shift, uniform=True),
        alignment="centers",
        align_by="labels",
        held_out=6,
    )


def _trainer(radius, weight, steps):
    return Adversarial(
        losses={"affine": AffineDistance(radius)},
        weights={"affine": weight},
        monitor="affine",
        adversary=Adversary(
            positives=truly_aligned,
            negatives=half_unmoved,
            learning_rate=1e-4,
            weight=0.01,
            ramp=(steps // 5, steps // 2),
            penalty=10.0,
        ),
    )


RECIPE = Recipe(
    data=_data(
        20.0, 20.0, Pose(rotation=10.0, scale=0.1, shift=5.0, flip=True, shear=0.05)
    ),
    trainer=_trainer(RADIUS, 0.1, STEPS),
    scales={
        "cpu": Scale(
            spacing=3.0,
            shapes=((32, 32, 32),),
            steps=STEPS,
            learning_rate=1e-3,
            model={"width": 32},
            batch_size=16,
            divisor=None,
        ),
        "published": Scale(
            spacing=1.0,
            shapes=((96, 96, 32),),
            steps=100_000,
            learning_rate=1e-4,
            model={"width": 128},
            batch_size=8,
            divisor=None,
            decay=False,
            changes={
                "data": _data(8.0, 8.0),
                "trainer": _trainer(PUBLISHED_RADIUS, 1.0, 100_000),
            },
        ),
    },
    images=Images("MR", "US", "prostate of one person"),
)

SYSTEM = System(
    name="air_gan",
    builder=AIRGAN,
    chapter="4.2",
    reference="Yan et al., MLMI 2018 [134]",
    predicts="rigid",
    recipes={"prostate_mr_us": RECIPE},
    task=RegistersPair(QualityScoringRegistrar),
    protocols=(RIGID_STARTS,),
)
