"""Haskins' metric: a network that predicts the registration error of two images.

Survey section 3.1, reference [42]: Haskins, Kruecker, Kruger, Xu, Pinto, Wood, Yan,
"Learning deep similarity metric for 3D MR-TRUS image registration", International
Journal of Computer Assisted Radiology and Surgery 14, 2019, arXiv 1806.04548. The
survey calls the output a similarity, but it is an error, which registration minimizes.

Published: nine convolutions and one skip connection before the dense layers; the target
registration error (TRE) of random rigid motions of aligned pairs as the target;
differential evolution followed by a Newton method; an average over several evaluations
of the metric.

Not confirmed: all widths, where the skip connection ends, the settings of both
optimizers, and how many evaluations are averaged at which alignments. Our choices: a
global average before the dense layers; the mean distance over a sphere instead of the
outline of the prostate; 3 mm voxels and half the widths at the `cpu` scale; as a
substitute for the expert's alignment, the rigid transform that best overlays the
segmented structures.
"""

from keras import layers

from kregzoo.blocks import pair_inputs
from kregzoo.blocks.convolutions import CONVOLUTIONS, GLOBAL_AVERAGE_POOLINGS
from kregzoo.losses import TREError
from kregzoo.presets.weights import pretrained
from kregzoo.protocols import RIGID_STARTS
from kregzoo.registrars import LearnedMetricRegistrar, RegistersPair
from kregzoo.training import (
    Images,
    KnownAffines,
    Pose,
    Recipe,
    RegistrationModel,
    Scale,
    Supervised,
    System,
)

# Width, in units of the first width, and stride of each convolution. The output of
# convolution 3 is added to that of convolution 5.
FACTORS = ((1, 1), (1, 1), (2, 2), (2, 1), (2, 1), (4, 2), (4, 1), (8, 2), (8, 1))
SKIP_FROM, SKIP_TO = 3, 5


@pretrained("haskins_tre")
def HaskinsTRE(
    input_shape=(82, 82, 87, 1),
    width=16,
    dense=256,
    weights=None,
    name="haskins_tre",
):
    """Instantiate the metric of Haskins et al. (IJCARS 2019).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    with intensities in [0, 1], and returns `"tre"` `(B, 1)`, the predicted mean target
    registration error in voxels, at least 0. The network does not align images;
    `kregzoo.registrars.LearnedMetricRegistrar` minimizes its output to do so.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            may be `None`.
        width: int. Channels of the first two convolutions; the last two have eight
            times as many.
        dense: int. Units of the dense layer.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"prostate_mr_us"`), whose arguments then replace the
            defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 2-D or 3-D.

    Example:
        >>> import keras
        >>> model = HaskinsTRE((32, 32, 32, 1), width=4)
        >>> image = keras.ops.ones((1, 32, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["tre"].shape)
        (1, 1)
    """
    inputs = pair_inputs(input_shape)
    ndim = len(input_shape) - 1
    x = layers.Concatenate(name="pair")([inputs["moving"], inputs["fixed"]])
    for number, (factor, stride) in enumerate(FACTORS, start=1):
        x = _convolution(x, factor * width, stride, f"convolution_{number}")
        if number == SKIP_FROM:
            skip = x
        if number == SKIP_TO:
            x = layers.Add(name="skip")([x, skip])
    x = GLOBAL_AVERAGE_POOLINGS[ndim](name="pool")(x)
    x = layers.Dense(dense, "relu", kernel_initializer="he_normal", name="dense")(x)
    tre = layers.Dense(1, "softplus", dtype="float32", name="tre")(x)
    return RegistrationModel(
        inputs=inputs, outputs={"tre": tre}, name=name, targets={"tre": "affine"}
    )


def _convolution(x, width, stride, name):
    x = CONVOLUTIONS[len(x.shape) - 2](
        width,
        3,
        strides=stride,
        padding="same",
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_activation")(x)


# Distance from the center of a prostate to its surface, in voxels of 3 mm.
RADIUS = 8.0
PUBLISHED_RADIUS = 24.0


def _data(augmentation=None):
    return KnownAffines(
        augmentation=augmentation,
        moving_augmentation=Pose(rotation=20.0, shift=20.0, uniform=True, even=True),
        alignment="centers",
        align_by="labels",
        held_out=6,
    )


RECIPE = Recipe(
    data=_data(Pose(rotation=5.0, scale=0.05, shift=2.0)),
    trainer=Supervised(losses={"tre": TREError(RADIUS)}, patience=4),
    scales={
        "cpu": Scale(
            spacing=3.0,
            shapes=((32, 32, 32),),
            steps=4000,
            learning_rate=1e-3,
            model={"width": 8, "dense": 64},
            batch_size=16,
            divisor=None,
        ),
        "published": Scale(
            spacing=1.0,
            shapes=((82, 82, 87),),
            steps=50_000,
            learning_rate=1e-4,
            batch_size=8,
            divisor=None,
            decay=False,
            changes={
                "data": _data(),
                "trainer": Supervised(losses={"tre": TREError(PUBLISHED_RADIUS)}),
            },
        ),
    },
    images=Images("MR", "US", "prostate of one person"),
)

SYSTEM = System(
    name="haskins_tre",
    builder=HaskinsTRE,
    chapter="3.1",
    reference="Haskins et al., IJCARS 2019 [42]",
    predicts="rigid, optimized over a learned metric",
    recipes={"prostate_mr_us": RECIPE},
    task=RegistersPair(LearnedMetricRegistrar),
    protocols=(RIGID_STARTS,),
)
