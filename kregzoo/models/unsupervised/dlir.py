"""DLIR: a cascade of an affine network and coarse-to-fine B-spline networks.

Survey section 5.1, reference [25]: de Vos, Berendsen, Viergever, Sokooti, Staring,
Isgum, "A deep learning framework for unsupervised affine and deformable image
registration", Medical Image Analysis 52, 2019, arXiv 1809.06130.

Published: two pipelines with shared weights for the affine stage; DIRNets for the other
stages, each of which receives the moving image warped by the stages before; normalized
cross-correlation, plus bending energy for the spline stages; training stage by stage,
with the earlier stages frozen.

Not confirmed for the paper, and taken from the authors' later public code: five
convolutions of 32 channels in each pipeline, ELU, average pooling, global average
pooling, two dense layers of 64 units; bounds on rotation, scale and shear; composed
transforms instead of added displacements; a single resampling of the original image.

Our choices: the positions of the control points (see `kregzoo.blocks.control_points`)
and their spacings; translations in units of ten voxels; shear entries bounded by
pi / 4, like angles; the weight of the bending energy; the central 160 pixels of cardiac
images; training on both directions of each pair, in a random common pose; local
cross-correlation for brains of two persons, because global cross-correlation aligned
only the outlines.
"""

import math

import keras
from keras import layers

from kregzoo.blocks import control_points, pair_inputs
from kregzoo.blocks.control_points import elu_convolution
from kregzoo.blocks.convolutions import AVERAGE_POOLINGS, GLOBAL_AVERAGE_POOLINGS
from kregzoo.layers import (
    AffineField,
    AffineMatrix,
    BSplineField,
    ComposeTransform,
    SpatialTransformer,
)
from kregzoo.losses import LNCC, NCC, BendingEnergy
from kregzoo.presets.weights import pretrained
from kregzoo.registrars import Refinement
from kregzoo.training import (
    ImagePairs,
    Images,
    Pose,
    Recipe,
    RegistrationModel,
    Scale,
    Staged,
    Supervised,
    System,
)

CONVOLUTIONS_OF_AFFINE = 5
DENSE = (64, 64)
# Factors of the linear output (voxels) and of the tanh outputs (radians, log-scales,
# entries of the shear matrix).
TRANSLATION, ROTATION, SCALE, SHEAR = 10.0, math.pi / 2, math.log(2), math.pi / 4


@pretrained("dlir")
def DLIR(
    input_shape=(128, 128, 128, 1),
    spacings=(32, 16, 8),
    width=32,
    weights=None,
    name="dlir",
):
    """Instantiate DLIR (de Vos et al., Medical Image Analysis 2019).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    with intensities in [0, 1], and returns `"warped"`, `"affine"` `(B, D, D + 1)`,
    `"displacement"` `(B, *spatial, D)` of all stages together and, with a spline stage,
    the `"control_points"` of the last stage, all in voxels.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            divisible by the largest spacing and by 16, or `None`.
        spacings: tuple of ints, powers of 2, coarse to fine. Distance between control
            points in voxels, for each spline stage. Empty for only the affine stage.
        width: int. Channels of each convolution.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"cardiac_cine"`), whose arguments then replace the
            defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If a spacing is not a power of 2; `weights` are unknown or belong to
            another architecture or other arguments; or `input_shape` is not 2-D or 3-D
            or not divisible.

    Example:
        >>> import keras
        >>> model = DLIR((32, 32, 1), spacings=(16, 8))
        >>> image = keras.ops.ones((1, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["affine"].shape)
        (1, 2, 3)
    """
    spacings = tuple(spacings)
    if any(spacing < 2 or spacing & (spacing - 1) for spacing in spacings):
        raise ValueError(
            f"`spacings` must be powers of 2, each 2 or more. Received: {spacings}"
        )
    inputs = pair_inputs(input_shape, divisor=max(16, *spacings, 1))
    affine = _affine(inputs, width)
    outputs = {"affine": affine}
    field = AffineField(name="affine_displacement")([affine, inputs["fixed"]])
    for number, spacing in enumerate(spacings, start=1):
        stage = f"stage_{number}"
        warp = SpatialTransformer(name=f"{stage}_warp")
        pair = [warp([inputs["moving"], field]), inputs["fixed"]]
        points = control_points(
            layers.Concatenate(name=f"{stage}_pair")(pair),
            spacing,
            width,
            normalize=False,
            name=stage,
        )
        finer = BSplineField(spacing, name=f"{stage}_displacement")(points)
        field = ComposeTransform(name=f"{stage}_composed")([field, finer])
        outputs["control_points"] = points
    outputs["displacement"] = field
    outputs["warped"] = SpatialTransformer(name="warp")([inputs["moving"], field])
    return RegistrationModel(inputs=inputs, outputs=outputs, name=name)


def _affine(inputs, width):
    """Build the affine stage: `(B, D, D + 1)` from global features of both images."""
    ndim = len(inputs["fixed"].shape) - 2
    turns = {2: 1, 3: 3}[ndim]
    pipeline = _pipeline(inputs["fixed"].shape[1:], width)
    x = layers.Concatenate(name="affine_pair")(
        [pipeline(inputs["moving"]), pipeline(inputs["fixed"])]
    )
    for number, units in enumerate(DENSE, start=1):
        x = layers.Dense(units, "elu", name=f"affine_dense_{number}")(x)
    parameters = [
        _head(x, ndim, "linear", TRANSLATION, "translation"),
        _head(x, turns, "tanh", ROTATION, "rotation"),
        _head(x, ndim, "tanh", SCALE, "scale"),
        _head(x, turns, "tanh", SHEAR, "shear"),
    ]
    parameters = layers.Concatenate(name="affine_parameters", dtype="float32")(
        parameters
    )
    return AffineMatrix(name="affine")(parameters)


def _pipeline(input_shape, width):
    """Build the pipeline that maps either image to a feature vector."""
    ndim = len(input_shape) - 1
    image = keras.Input(input_shape)
    x = elu_convolution(image, width, 3, False, "affine_1")
    for number in range(2, CONVOLUTIONS_OF_AFFINE + 1):
        x = AVERAGE_POOLINGS[ndim](2, name=f"affine_{number - 1}_pool")(x)
        x = elu_convolution(x, width, 3, False, f"affine_{number}")
    x = GLOBAL_AVERAGE_POOLINGS[ndim](name="affine_pool")(x)
    return keras.Model(image, x, name="affine_pipeline")


def _head(x, units, activation, bound, name):
    x = layers.Dense(
        units,
        activation,
        kernel_initializer="zeros",
        dtype="float32",
        name=f"affine_{name}",
    )(x)
    return layers.Rescaling(bound, dtype="float32", name=f"affine_{name}_bound")(x)


def _stages(*all_spacings):
    return tuple({"spacings": s} for s in all_spacings)


BENDING = Refinement(NCC(), ((BendingEnergy(), 1.0),))
PUBLISHED = Staged(
    Supervised(
        losses={"warped": NCC(), "displacement": BendingEnergy()},
        weights={"warped": 1.0, "displacement": 0.05},
    ),
    _stages((), (32,), (32, 16), (32, 16, 8)),
)

RECIPES = {
    "cardiac_cine": Recipe(
        data=ImagePairs(
            augmentation=Pose(rotation=10.0, scale=0.1, shift=8.0, flip=True),
            both_directions=True,
            alignment="none",
            held_out=40,
        ),
        trainer=Staged(
            Supervised(losses={"warped": NCC(), "displacement": BendingEnergy()}),
            _stages((), (32,), (32, 16), (32, 16, 8)),
        ),
        scales={
            "cpu": Scale(
                spacing=1.0,
                shapes=((160, 160),),
                steps=1500,
                learning_rate=1e-3,
                model={"width": 32},
                batch_size=8,
                divisor=None,
            ),
            "published": Scale(
                spacing=1.0,
                shapes=((160, 160),),
                steps=10_000,
                learning_rate=1e-3,
                model={"width": 32},
                batch_size=32,
                divisor=None,
                decay=False,
                changes={
                    "data": ImagePairs(alignment="none", held_out=20),
                    "trainer": PUBLISHED,
                },
            ),
        },
        refinement=BENDING,
        images=Images("MR", "MR", "short-axis cine slices of one heart"),
    ),
    "brain_t1": Recipe(
        data=ImagePairs(
            augmentation=Pose(rotation=3.0, scale=0.03, shift=1.0, flip=True),
            alignment="centers",
        ),
        trainer=Staged(
            Supervised(
                losses={"warped": LNCC(window=9), "displacement": BendingEnergy()}
            ),
            _stages((), (16,), (16, 8), (16, 8, 4)),
        ),
        scales={
            "cpu": Scale(
                spacing=2.0,
                shapes=((80, 96, 80), (96, 112, 96)),
                steps=2200,
                learning_rate=1e-3,
                model={"width": 16},
            ),
            "published": Scale(
                spacing=1.0,
                shapes=((160, 192, 160), (192, 224, 192)),
                steps=10_000,
                learning_rate=1e-3,
                model={"width": 32},
                decay=False,
                changes={
                    "data": ImagePairs(alignment="centers"),
                    "trainer": PUBLISHED,
                    "refinement": BENDING,
                },
            ),
        },
        refinement=Refinement(LNCC(window=9)),
        images=Images("MR", "MR", "T1 brains of two persons", "skull-stripped"),
    ),
}

SYSTEM = System(
    name="dlir",
    builder=DLIR,
    chapter="5.1",
    reference="de Vos et al., Medical Image Analysis 2019 [25]",
    predicts="affine and control points",
    recipes=RECIPES,
)
