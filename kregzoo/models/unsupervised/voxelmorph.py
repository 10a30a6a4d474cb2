"""VoxelMorph: one U-Net that maps two images to a displacement field.

Survey section 5.1, references [7] and [8]: Balakrishnan, Zhao, Sabuncu, Guttag, Dalca,
"An Unsupervised Learning Model for Deformable Medical Image Registration", CVPR 2018,
and "VoxelMorph: A Learning Framework for Deformable Medical Image Registration", IEEE
TMI 38(8), 2019.

Published: the widths of the variants, a stride-2 encoder, LeakyReLU 0.2, nearest
upsampling, the initialization of the head, local cross-correlation with window 9 and a
squared-gradient penalty, the auxiliary segmentations of the TMI paper (a soft Dice of
warped labels, used only in training), Adam, one pair per step. From the authors' later
code, not from the papers: the field at half resolution and its integration.

Our choices at the `cpu` scale: 2 mm voxels; pairs of subjects in both directions
instead of pairs with one atlas; a random common pose of each pair; ten labels drawn for
each step, and the weight of the Dice; half of the published smoothness weight; a
learning rate of 1e-3 that decays to zero along a cosine. The recipe for cardiac images
is ours, for the comparison with Krebs' network: the central 160 pixels of 2-D slices,
global cross-correlation, a smoothness weight of 0.05, eight pairs per step, and both
directions of each pair, in a random common pose.
"""

import keras
from keras import layers

from kregzoo.blocks import pair_inputs, unet
from kregzoo.blocks.convolutions import CONVOLUTIONS
from kregzoo.layers import RescaleTransform, SpatialTransformer, VecInt
from kregzoo.losses import LNCC, NCC, BendingEnergy, Dice, Gradient
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

ENCODERS = {
    "vm1": (16, 32, 32, 32),
    "vm2": (16, 32, 32, 32),
    "vm2double": (32, 64, 64, 64),
}
DECODERS = {
    "vm1": (32, 32, 32, 32, 8, 8),
    "vm2": (32, 32, 32, 32, 32, 16, 16),
    "vm2double": (64, 64, 64, 64, 64, 32, 32),
}


@pretrained("voxelmorph")
def VoxelMorph(
    input_shape=(160, 192, 224, 1),
    variant="vm2",
    half_resolution=False,
    integration_steps=0,
    include_top=True,
    weights=None,
    name="voxelmorph",
):
    """Instantiate VoxelMorph (Balakrishnan et al., CVPR 2018 and TMI 2019).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    affinely aligned, with intensities in [0, 1], and returns `"warped"` and
    `"displacement"` `(B, *spatial, D)` in voxels. With `integration_steps` above 0 it
    also returns `"velocity"`.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            divisible by 16, or `None`.
        variant: `"vm1"`, `"vm2"` or `"vm2double"`, the papers' widths.
        half_resolution: bool. Predict the field at half resolution and resize it, which
            takes less memory and time and gives smoother fields.
        integration_steps: int. If above 0, the head predicts a stationary velocity,
            which is integrated by this number of squarings (7 in the authors' code).
        include_top: bool. Whether to add the head and the warp. Otherwise the model
            returns only `"features"`, for another head.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"brain_t1"`), whose arguments then replace the defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `variant` is unknown; `weights` are unknown or belong to another
            architecture or other arguments; or `input_shape` is not 2-D or 3-D or not
            divisible by 16.

    Example:
        >>> model = VoxelMorph((32, 32, 32, 1))
        >>> image = keras.ops.ones((1, 32, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["displacement"].shape)
        (1, 32, 32, 32, 3)
    """
    if variant not in ENCODERS:
        raise ValueError(
            f"`variant` must be one of {tuple(ENCODERS)}. Received: {variant!r}"
        )
    inputs = pair_inputs(input_shape, divisor=2 ** len(ENCODERS[variant]))
    features = unet(
        layers.Concatenate(name="pair")([inputs["moving"], inputs["fixed"]]),
        ENCODERS[variant],
        DECODERS[variant],
        half_resolution,
    )
    outputs = {"features": features}
    if include_top:
        outputs = _head(features, inputs["moving"], half_resolution, integration_steps)
    return RegistrationModel(inputs=inputs, outputs=outputs, name=name)


def _head(features, moving, half_resolution, integration_steps):
    ndim = len(features.shape) - 2
    field = CONVOLUTIONS[ndim](
        ndim,
        3,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=1e-5),
        dtype="float32",
        name="flow",
    )(features)
    outputs = {}
    if integration_steps:
        outputs["velocity"] = field
        field = VecInt(integration_steps, name="integrate")(field)
    if half_resolution:
        field = RescaleTransform(2, name="full_resolution_field")(field)
    outputs["displacement"] = field
    outputs["warped"] = SpatialTransformer(name="warp")([moving, field])
    return outputs


SIMILARITY = LNCC(window=9)
PUBLISHED = Supervised({"warped": SIMILARITY, "displacement": Gradient("l2")})

RECIPE = Recipe(
    data=ImagePairs(
        augmentation=Pose(rotation=3.0, scale=0.03, shift=1.0, flip=True), labels=True
    ),
    trainer=Supervised(
        losses={
            "warped": SIMILARITY,
            "displacement": Gradient("l2"),
            "warped_labels": Dice(),
        },
        weights={"warped": 1.0, "displacement": 0.5, "warped_labels": 0.5},
        monitor="warped_labels",
    ),
    scales={
        "cpu": Scale(
            spacing=2.0,
            shapes=((80, 96, 80), (96, 112, 96)),
            steps=8000,
            learning_rate=1e-3,
            model={
                "variant": "vm2double",
                "half_resolution": True,
                "integration_steps": 7,
            },
        ),
        "published": Scale(
            spacing=1.0,
            # 160 x 192 x 224 of the papers, with the axes in RAS order.
            shapes=((160, 224, 192),),
            steps=150_000,
            learning_rate=1e-4,
            model={"variant": "vm2"},
            decay=False,
            changes={
                "data": ImagePairs(),
                "trainer": PUBLISHED,
            },
        ),
    },
    refinement=Refinement(SIMILARITY),
    images=Images("MR", "MR", "T1 brains of two persons", "skull-stripped"),
)

CINE = Recipe(
    data=ImagePairs(
        augmentation=Pose(rotation=10.0, scale=0.1, shift=8.0, flip=True),
        both_directions=True,
        alignment="none",
        held_out=40,
    ),
    trainer=Supervised(
        losses={"warped": NCC(), "displacement": Gradient("l2")},
        weights={"displacement": 0.05},
        monitor="warped",
    ),
    scales={
        "cpu": Scale(
            spacing=1.0,
            shapes=((160, 160),),
            steps=6000,
            learning_rate=1e-3,
            model={
                "variant": "vm2",
                "half_resolution": True,
                "integration_steps": 7,
            },
            batch_size=8,
        ),
        "published": Scale(
            spacing=1.0,
            shapes=((160, 160),),
            steps=150_000,
            learning_rate=1e-4,
            model={"variant": "vm2"},
            decay=False,
            changes={
                "data": ImagePairs(alignment="none", held_out=40),
                "trainer": PUBLISHED,
            },
        ),
    },
    refinement=Refinement(NCC(), ((BendingEnergy(), 1.0),)),
    images=Images("MR", "MR", "short-axis cine slices of one heart"),
)

SYSTEM = System(
    name="voxelmorph",
    builder=VoxelMorph,
    chapter="5.1",
    reference="Balakrishnan et al., CVPR 2018 [7] and IEEE TMI 2019 [8]",
    predicts="displacement",
    recipes={"brain_t1": RECIPE, "cardiac_cine": CINE},
)
