"""AIRNet: affine registration by a network trained on random affine transforms.

Survey section 4.1, reference [16]: Chee, Wu, "AIRNet: Self-Supervised Affine
Registration for 3D Medical Images using Neural Networks", arXiv 1810.02583, 2018. The
survey lists AIRNet under rigid registration, but the network predicts the twelve
parameters of an affine transform. The affine stage of DLIR and the adversarial network
of Yan et al. have similar names and are different networks.

Published: two densely connected encoders with shared weights, which apply in-plane
kernels first and 3-D kernels afterwards; a regression from the concatenated, flattened
features to the parameters; the squared error of the parameters as the loss; training
pairs that a random affine makes from one volume, or from two contrasts of one person.

Not confirmed: all widths. Our choices: the widths, parameters that are offsets from the
identity in units of half the image size, a loss that weights each parameter by the
displacement it causes (see `AffineDistance`), the ranges of the random affines, and
5 mm voxels at the `cpu` scale.
"""

import keras
import numpy as np
from keras import layers

from kregzoo.blocks import affine_head, pair_inputs
from kregzoo.blocks.convolutions import AVERAGE_POOLINGS, CONVOLUTIONS
from kregzoo.layers import AffineTransformer
from kregzoo.losses import AffineDistance
from kregzoo.presets.weights import pretrained
from kregzoo.protocols import HELD_OUT_PAIRS, KNOWN_AFFINES
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

BOTTLENECK = 4
DENSE = (256, 64)


@pretrained("airnet")
def AIRNet(
    input_shape=(160, 160, 24, 1),
    stem=8,
    growth=8,
    planar_blocks=(2, 4),
    spatial_blocks=(4, 4),
    dense=DENSE,
    weights=None,
    name="airnet",
):
    """Instantiate AIRNet (Chee and Wu, 2018).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    with intensities in [0, 1], and returns `"warped"` and `"affine"` `(B, D, D + 1)`,
    in voxels about the image center.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D.
        stem: int. Channels of the first convolution.
        growth: int. Channels that each layer of a dense block adds.
        planar_blocks: tuple of ints. Number of layers of each dense block with in-plane
            kernels. Each block is followed by pooling along the first two axes.
        spatial_blocks: tuple of ints. Number of layers of each dense block with kernels
            along all axes. Each block is followed by pooling along all axes.
        dense: tuple of two ints. Widths of the dense layers.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"brain_t1"`), whose arguments then replace the defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 2-D or 3-D or contains None.

    Example:
        >>> model = AIRNet((32, 32, 16, 1), planar_blocks=(2,), spatial_blocks=(2,))
        >>> image = keras.ops.ones((1, 32, 32, 16, 1))
        >>> tuple(model({"moving": image, "fixed": image})["affine"].shape)
        (1, 3, 4)
    """
    if None in tuple(input_shape):
        raise ValueError(
            "`input_shape` must not contain None: the network sees the whole image. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    inputs = pair_inputs(input_shape)
    blocks = tuple(planar_blocks), tuple(spatial_blocks)
    encoder = _encoder(inputs["fixed"].shape[1:], stem, growth, *blocks)
    x = layers.Concatenate(name="pair")(
        [encoder(inputs["moving"]), encoder(inputs["fixed"])]
    )
    for number, units in enumerate(dense, start=1):
        x = layers.Dense(units, "relu", name=f"dense_{number}")(x)
    spatial = inputs["fixed"].shape[1:-1]
    affine = affine_head(x, spatial, np.array(spatial) / 2)
    warped = AffineTransformer(name="warp")([inputs["moving"], affine])
    return RegistrationModel(
        inputs=inputs, outputs={"affine": affine, "warped": warped}, name=name
    )


def _encoder(input_shape, stem, growth, planar_blocks, spatial_blocks):
    """Build the encoder that maps either image to a feature vector."""
    *spatial, _ = input_shape
    # A 2-D image has no axis out of the plane.
    plane, space = (1,) * len(spatial[2:]), (3,) * len(spatial[2:])
    halved, kept = (2,) * len(spatial[2:]), (1,) * len(spatial[2:])
    image = keras.Input(input_shape)
    rank = len(spatial)
    x = _convolution(image, stem, (3, 3, *plane), rank, "stem")
    x = _pooling(x, (2, 2, *kept), rank, "stem_pool")
    kinds = [(n, plane, kept) for n in planar_blocks]
    kinds += [(n, space, halved) for n in spatial_blocks]
    for number, (count, depth, pooled) in enumerate(kinds, start=1):
        name = f"block_{number}"
        for layer in range(1, count + 1):
            x = _dense_layer(x, growth, (3, 3, *depth), rank, f"{name}_{layer}")
        x = _activated(x, f"{name}_transition")
        x = _convolution(x, x.shape[-1] // 2, 1, rank, f"{name}_transition")
        x = _pooling(x, (2, 2, *pooled), rank, f"{name}_pool")
    return keras.Model(image, layers.Flatten(name="flat")(x), name="encoder")


def _dense_layer(x, growth, size, rank, name):
    """Apply a layer of a dense block: concatenate the input and the new features."""
    y = _activated(x, f"{name}_bottleneck")
    y = _convolution(y, BOTTLENECK * growth, 1, rank, f"{name}_bottleneck")
    y = _activated(y, name)
    y = _convolution(y, growth, size, rank, name)
    return layers.Concatenate(name=f"{name}_joined")([x, y])


def _activated(x, name):
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_activation")(x)


def _convolution(x, filters, size, rank, name):
    return CONVOLUTIONS[rank](
        filters, size, padding="same", kernel_initializer="he_normal", name=name
    )(x)


def _pooling(x, size, rank, name):
    return AVERAGE_POOLINGS[rank](size, padding="same", name=name)(x)


# Two standard deviations exceed the published-scale ranges: 20 degrees, 15 % and 0.1.
# The shift covers only the error that remains after the foreground centers are aligned.
MOTION = Pose(rotation=12.0, scale=0.09, shift=6.0, shear=0.06)
# Root mean square distance of brain points from the center along an axis, in voxels of
# 5 mm. With this radius the loss is the mean squared error of a brain point.
RADIUS = 7.0
# The paper's ranges are not known. These are uniform ranges.
PUBLISHED_MOTION = Pose(rotation=20.0, scale=0.15, shift=10.0, shear=0.1, uniform=True)
PUBLISHED_SHAPE = (160, 160, 24)


def _recipe(images, steps, held_out=2, initial=None):
    return Recipe(
        data=KnownAffines(
            augmentation=Pose(rotation=10.0, scale=0.05, shift=4.0, flip=True),
            moving_augmentation=MOTION,
            alignment="centers",
            held_out=held_out,
        ),
        trainer=Supervised(
            losses={"affine": AffineDistance(RADIUS)}, weights={"affine": 0.01}
        ),
        scales={
            "cpu": Scale(
                spacing=5.0,
                shapes=((40, 48, 40),),
                steps=steps,
                learning_rate=1e-3,
                model={
                    "growth": 8,
                    "planar_blocks": (1,),
                    "spatial_blocks": (2, 4),
                },
                batch_size=8,
                divisor=None,
            ),
            "published": Scale(
                spacing=1.2,
                shapes=(PUBLISHED_SHAPE,),
                steps=100_000,
                learning_rate=1e-4,
                batch_size=8,
                divisor=None,
                decay=False,
                changes={
                    "data": KnownAffines(
                        moving_augmentation=PUBLISHED_MOTION,
                        alignment="centers",
                        held_out=held_out,
                    ),
                    # Together, radius and weight give the mean squared error of the
                    # parameters in units of half the image size.
                    "trainer": Supervised(
                        losses={"affine": AffineDistance(PUBLISHED_SHAPE[0] / 2)},
                        weights={"affine": (2 / PUBLISHED_SHAPE[0]) ** 2 / 12},
                    ),
                    "initial": None,
                },
            ),
        },
        initial=initial,
        images=images,
    )


SYSTEM = System(
    name="airnet",
    builder=AIRNet,
    chapter="4.1",
    reference="Chee and Wu, arXiv 1810.02583, 2018 [16]",
    predicts="affine",
    recipes={
        "brain_t1": _recipe(
            Images("MR", "MR", "T1 brains of two persons", "skull-stripped"),
            steps=15_000,
        ),
        # Two training subjects are too few to train from random weights.
        "brain_ms": _recipe(
            Images("MR", "MR", "T1, T2 or FLAIR of one brain", "skull-stripped"),
            steps=3000,
            held_out=1,
            initial="airnet_brain_t1",
        ),
    },
    protocols=(
        HELD_OUT_PAIRS,
        KNOWN_AFFINES,
    ),
)
