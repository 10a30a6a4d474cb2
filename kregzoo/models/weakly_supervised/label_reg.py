"""Label-reg: multimodal registration networks trained with anatomical labels only.

Survey section 4.2, references [51] and [52]: Hu, Modat, Gibson, Ghavami, Bonmati,
Moore, Emberton, Noble, Barratt, Vercauteren, "Label-driven weakly-supervised learning
for multimodal deformable image registration", ISBI 2018, arXiv 1711.01666, and Hu et
al., "Weakly-supervised convolutional neural networks for multimodal image
registration", Medical Image Analysis 49, 2018, arXiv 1807.03361. The survey
attributes the composite of both networks to [52], but [51] proposed it, and [52] uses
only the local network.

Published, in the papers or their public code: all widths; summed heads initialized to
zero; labels as the only training target and never as an input; one label drawn for each
case and step, with the gland drawn twice as often; the soft Dice of both labels at
several scales; bending energy (weight 0.5) on the local part; random affines of both
images in training; Adam; four pairs per step.

Our choices: group normalization instead of batch normalization, because batches are
small; outputs of the global network in tenths of a voxel at the faces of the image, and
a learning rate to match; a composite trained in two stages, in which the global network
is trained first and then frozen; at the `cpu` scale, 3 mm voxels, Gaussian scales up to
4 voxels, and a quarter of the widths of the local network.
"""

import functools

import keras
from keras import layers

from kregzoo import ops
from kregzoo.blocks import affine_head, pair_inputs
from kregzoo.blocks.convolutions import (
    CONVOLUTIONS,
    MAX_POOLINGS,
    TRANSPOSED_CONVOLUTIONS,
)
from kregzoo.layers import AffineField, RescaleTransform, SpatialTransformer
from kregzoo.losses import NMI, BendingEnergy, Dice
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

LEVELS = 4
PARTS = ("global", "local", "composite")
# An output of 1 of the global network moves the faces of the image by this many voxels.
UNIT = 0.1


@pretrained("label_reg")
def LabelReg(
    input_shape=(48, 64, 48, 1),
    part="local",
    local_width=32,
    global_width=8,
    normalization="group",
    weights=None,
    name="label_reg",
):
    """Instantiate the networks of Hu et al. (ISBI 2018, Medical Image Analysis 2018).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    with intensities in [0, 1], and returns `"warped"` and `"displacement"`
    `(B, *spatial, D)` of all parts together. With a global part it also returns
    `"affine"` `(B, D, D + 1)`; with a local part also `"local"`, the displacement of
    that part. All are in voxels.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            divisible by 16; they may be `None` for the local part.
        part: `"global"` for an affine network; `"local"` for a dense network with a
            head at each level; `"composite"` for a global network followed by a local
            network with a head at full resolution.
        local_width: int. Channels at the first level of the local network.
        global_width: int. Channels at the first level of the global network.
        normalization: `"group"`, for small batches, or `"batch"` as published.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"prostate_mr_us"`), whose arguments then replace the
            defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `part` or `normalization` is unknown; `weights` are unknown or
            belong to another architecture or other arguments; or `input_shape` is not
            2-D or 3-D, not divisible by 16, or contains None with a global part.

    Example:
        >>> model = LabelReg((32, 32, 32, 1), "global")
        >>> image = keras.ops.ones((1, 32, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["affine"].shape)
        (1, 3, 4)
    """
    if part not in PARTS:
        raise ValueError(f"`part` must be one of {PARTS}. Received: {part!r}")
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"`normalization` must be one of {tuple(NORMALIZATIONS)}. "
            f"Received: {normalization!r}"
        )
    if part != "local" and None in tuple(input_shape):
        raise ValueError(
            "`input_shape` must not contain None with a global part, which sees the "
            f"whole image. Received: input_shape={tuple(input_shape)}"
        )
    inputs = pair_inputs(input_shape, divisor=2**LEVELS)
    moving, fixed = inputs["moving"], inputs["fixed"]
    outputs = {}
    if part != "local":
        outputs["affine"] = _global(moving, fixed, global_width, normalization)
        field = AffineField(name="affine_displacement")([outputs["affine"], fixed])
        moving = SpatialTransformer(name="global_warp")([moving, field])
    if part != "global":
        heads = range(LEVELS + 1) if part == "local" else (0,)
        outputs["local"] = local = _local(
            moving, fixed, local_width, heads, normalization
        )
        field = local
    if part == "composite":
        affine = AffineField(name="affine_part")([outputs["affine"], fixed])
        # The displacements are added, not composed, as published.
        field = layers.Add(name="sum", dtype="float32")([affine, local])
    outputs["displacement"] = field
    outputs["warped"] = SpatialTransformer(name="warp")([inputs["moving"], field])
    return RegistrationModel(inputs=inputs, outputs=outputs, name=name)


def _global(moving, fixed, width, normalization):
    """Build the affine network: `(B, D, D + 1)`, initially the identity."""
    x, _ = _contracted(moving, fixed, width, "global", normalization)
    x = layers.Flatten(name="global_flat")(x)
    # The head sums many features, so a small unit keeps the first Adam steps small.
    return affine_head(x, fixed.shape[1:-1], UNIT)


def _local(moving, fixed, width, heads, normalization):
    """Build the dense network: the sum of the displacements of heads at some levels."""
    x, skips = _contracted(moving, fixed, width, "local", normalization)
    features = {LEVELS: x}
    for level in range(LEVELS - 1, -1, -1):
        x = _expanded(x, skips[level], f"local_up_{level}", normalization)
        features[level] = x
    fields = [_head(features[level], level) for level in heads]
    if len(fields) == 1:
        return fields[0]
    return layers.Add(name="local_sum", dtype="float32")(fields)


def _contracted(moving, fixed, width, name, normalization):
    """Encode a pair: features at the coarsest level, and skip features by level."""
    x = layers.Concatenate(name=f"{name}_pair")([moving, fixed])
    skips = []
    block = functools.partial(_block, normalization=normalization)
    for level in range(LEVELS):
        stage, filters = f"{name}_down_{level}", width * 2**level
        first = block(x, filters, f"{stage}_1", 7 if level == 0 else 3)
        x = block(first, filters, f"{stage}_2")
        x = block(x, filters, f"{stage}_3", plus=first)
        x = MAX_POOLINGS[len(x.shape) - 2](2, name=f"{stage}_pool")(x)
        skips.append(first)
    return block(x, width * 2**LEVELS, f"{name}_bottom"), skips


def _expanded(x, skip, name, normalization):
    """Decode one level: learned plus additive upsampling, then a residual block."""
    ndim, filters = len(x.shape) - 2, skip.shape[-1]
    up = TRANSPOSED_CONVOLUTIONS[ndim](
        filters,
        3,
        strides=2,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_deconvolution",
    )(x)
    up = NORMALIZATIONS[normalization](up, name)
    up = layers.ReLU(name=f"{name}_activation")(up)
    up = layers.Add(name=f"{name}_added")(
        [up, AdditiveUpsampling(name=f"{name}_additive")(x)]
    )
    joined = layers.Add(name=f"{name}_joined")([up, skip])
    x = _block(up, filters, f"{name}_1", normalization=normalization)
    return _block(x, filters, f"{name}_2", plus=joined, normalization=normalization)


def _block(x, filters, name, size=3, plus=None, *, normalization):
    """Apply a convolution, normalization, an optional residual and a ReLU."""
    x = CONVOLUTIONS[len(x.shape) - 2](
        filters,
        size,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = NORMALIZATIONS[normalization](x, name)
    if plus is not None:
        x = layers.Add(name=f"{name}_residual")([x, plus])
    return layers.ReLU(name=f"{name}_activation")(x)


def _group_normalized(x, name):
    groups = min(4, x.shape[-1])
    return layers.GroupNormalization(groups, name=f"{name}_norm")(x)


def _batch_normalized(x, name):
    return layers.BatchNormalization(name=f"{name}_norm")(x)


NORMALIZATIONS = {"group": _group_normalized, "batch": _batch_normalized}


def _head(x, level):
    ndim = len(x.shape) - 2
    field = CONVOLUTIONS[ndim](
        ndim,
        3,
        padding="same",
        kernel_initializer="zeros",
        dtype="float32",
        name=f"local_head_{level}",
    )(x)
    if level == 0:
        return field
    field = RescaleTransform(2**level, name=f"local_head_{level}_resized")(field)
    # The head predicts full-resolution voxels, so undo the scaling of the values.
    return layers.Rescaling(
        2.0**-level, dtype="float32", name=f"local_head_{level}_in_voxels"
    )(field)


@keras.saving.register_keras_serializable(package="kregzoo")
class AdditiveUpsampling(layers.Layer):
    """Double the resolution, and add the two halves of the channels.

    Maps `(B, *spatial, 2 C)` to `(B, *(2 * spatial), C)` by linear interpolation.
    """

    def call(self, x):
        first, second = keras.ops.split(x, 2, axis=-1)
        return ops.resize(first + second, [2 * n for n in x.shape[1:-1]])

    def compute_output_shape(self, input_shape):
        spatial = (n and 2 * n for n in input_shape[1:-1])
        return (input_shape[0], *spatial, input_shape[-1] // 2)


def _trainer(scales):
    return Supervised(
        losses={
            "displacement": BendingEnergy(),
            "warped_labels": Dice(scales=scales),
        },
        weights={"displacement": 0.5, "warped_labels": 1.0},
        monitor="warped_labels",
    )


RECIPE = Recipe(
    data=ImagePairs(
        augmentation=Pose(rotation=5.0, scale=0.05, shift=2.0),
        moving_augmentation=Pose(rotation=5.0, scale=0.05, shift=3.0),
        labels=True,
        alignment="centers",
        held_out=6,
    ),
    trainer=Staged(
        _trainer(scales=(0, 1, 2, 4)), ({"part": "global"}, {"part": "composite"})
    ),
    scales={
        "cpu": Scale(
            spacing=3.0,
            shapes=((32, 32, 32),),
            steps=3000,
            learning_rate=1e-3,
            model={"local_width": 8, "global_width": 8},
            batch_size=4,
            divisor=None,
        ),
        "published": Scale(
            spacing=0.8,
            shapes=((96, 128, 96),),
            steps=100_000,
            learning_rate=1e-5,
            model={"part": "local", "normalization": "batch"},
            batch_size=4,
            divisor=None,
            decay=False,
            changes={"trainer": _trainer(scales=(0, 1, 2, 4, 8, 16))},
        ),
    },
    refinement=Refinement(NMI()),
    images=Images("MR", "US", "prostate of one person"),
)

SYSTEM = System(
    name="label_reg",
    builder=LabelReg,
    chapter="4.2",
    reference="Hu et al., ISBI 2018 [51] and Medical Image Analysis 2018 [52]",
    predicts="affine and displacement",
    recipes={"prostate_mr_us": RECIPE},
)
