"""FlowNet trained on synthetic pairs from a statistical appearance model.

Survey section 4.1, reference [125]: Uzunova, Wilms, Handels, Ehrhardt, "Training CNNs
for Image Registration from Few Samples with Model-based Data Augmentation", MICCAI
2017. The network is that of Dosovitskiy, Fischer, Ilg, Haeusser, Hazirbas, Golkov, van
der Smagt, Cremers, Brox, "FlowNet: Learning Optical Flow with Convolutional Networks",
ICCV 2015.

Published: both variants of the network; the end-point error at five scales, the weights
of the scales, and targets divided by 20; an appearance model of a few images that
models shape and texture separately, with localized modes of shape; training pairs that
consist of two shapes and one texture, with their exact displacement; the comparison
with the same network trained on random smooth deformations.

Not confirmed: which variant the authors used, how much they reduced the widths, the
image sizes, and how the modes of shape are localized (see
`kregzoo.training.AppearanceModel` for this implementation). Our choices:

- The simple variant, on images of 128 x 128 pixels, and a quarter of the widths at the
  `cpu` scale.
- For brains, 20 images registered to the first image by B-splines, and pairs in a
  random common pose. Without the pose, the network memorizes the single template.
- For hearts, 20 pairs with one template each, because registration cannot align the
  surroundings of different hearts. The moving image is the template, and the B-spline
  displacement to the fixed image is the shape. The pairs have no random pose, with
  which the network learned less in the same number of steps.
- For the comparison, random B-spline fields of a similar magnitude on the same images;
  and, for hearts, the same pairs with the displacements of the B-spline registration,
  as in reference [30] of the survey, in a random common pose, without which the network
  memorized the pairs. With it, the network registers hearts, but not synthetic images.
- The Adam optimizer.
"""

import dataclasses

import keras
import numpy as np
from keras import layers
from keras import ops as kops

from kregzoo import ops
from kregzoo.blocks import pair_inputs
from kregzoo.layers import CorrelationCost, RescaleTransform, SpatialTransformer
from kregzoo.losses import NCC, EndPointError
from kregzoo.presets.weights import pretrained
from kregzoo.protocols import HELD_OUT_PAIRS, KNOWN_DEFORMATIONS
from kregzoo.registrars import Affine, IterativeRegistrar, Refinement
from kregzoo.registrars.alignment import bspline_registrar
from kregzoo.training import (
    AppearanceModel,
    Images,
    Pose,
    RandomDeformations,
    Recipe,
    RegistrationModel,
    Scale,
    Supervised,
    SyntheticDeformations,
    System,
)
from kregzoo.utils.progress import progress_bar

# Stage, width, kernel size and stride of each convolution.
ENCODER = (
    ("1", 64, 7, 2),
    ("2", 128, 5, 2),
    ("3", 256, 5, 2),
    ("3_1", 256, 3, 1),
    ("4", 512, 3, 2),
    ("4_1", 512, 3, 1),
    ("5", 512, 3, 2),
    ("5_1", 512, 3, 1),
    ("6", 1024, 3, 2),
)
# Level at which the decoder joins the features of a stage.
SKIPS = {"2": 2, "3_1": 3, "4_1": 4, "5_1": 5}
DECODER = {5: 512, 4: 256, 3: 128, 2: 64}
REDIRECTED = 32
# The network predicts the displacement in voxels divided by this factor.
UNIT = 20.0


@pretrained("sam_flownet")
def FlowNetSAM(
    input_shape=(256, 256, 1),
    width=1.0,
    correlation=None,
    weights=None,
    name="sam_flownet",
):
    """Instantiate FlowNet (Dosovitskiy et al., ICCV 2015) for images of one channel.

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    2-D, with intensities in [0, 1], and returns `"warped"`, `"displacement"`
    `(B, *spatial, 2)` in pixels, and `"flow_2"` to `"flow_6"`, the predictions at 1/4
    to 1/64 of the resolution, in units of 20 pixels of the full resolution.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D; spatial sizes divisible
            by 64, or `None`.
        width: float. Factor of all widths. Every layer has at least 4 channels.
        correlation: None for FlowNetSimple, which concatenates both images at the
            input; or two ints for FlowNetCorr, the largest displacement and the stride
            of the cost volume, at 1/8 of the resolution. The paper uses `(20, 2)`.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"brain_2d"`), whose arguments then replace the defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 2-D or not divisible by 64.

    Example:
        >>> model = FlowNetSAM((64, 64, 1), width=0.125)
        >>> image = keras.ops.ones((1, 64, 64, 1))
        >>> tuple(model({"moving": image, "fixed": image})["flow_6"].shape)
        (1, 1, 1, 2)
    """
    if len(input_shape) != 3:
        raise ValueError(
            "`input_shape` must be (height, width, channels). "
            f"Received: input_shape={tuple(input_shape)}"
        )
    inputs = pair_inputs(input_shape, divisor=64)
    x, skips = _contracted(inputs, width, correlation)
    flows = _expanded(x, skips, width)
    finest = RescaleTransform(4, name="full_resolution")(flows["flow_2"])
    # Resizing by 4 multiplies the values by 4.
    field = layers.Rescaling(UNIT / 4, dtype="float32", name="displacement")(finest)
    warped = SpatialTransformer(name="warp")([inputs["moving"], field])
    return RegistrationModel(
        inputs=inputs,
        outputs={**flows, "displacement": field, "warped": warped},
        name=name,
        targets=dict.fromkeys(flows, "displacement"),
    )


def _contracted(inputs, width, correlation):
    """Encode a pair: features at 1/64 of the resolution, and skip features by level."""
    moving, fixed = inputs["moving"], inputs["fixed"]
    skips, first = {}, 0
    if correlation is None:
        x = layers.Concatenate(name="pair")([moving, fixed])
    else:
        x, skips = _correlated(moving, fixed, width, *correlation)
        first = 3
    for stage, filters, size, stride in ENCODER[first:]:
        x = _convolution(x, _scaled(filters, width), size, stride, f"conv_{stage}")
        if stage in SKIPS:
            skips[SKIPS[stage]] = x
    return x, skips


def _correlated(moving, fixed, width, max_displacement, stride):
    """Correlate the features of both images after three shared convolutions."""
    features, skips = {"moving": moving, "fixed": fixed}, {}
    for stage, filters, size, step in ENCODER[:3]:
        convolution = layers.Conv2D(
            _scaled(filters, width),
            size,
            step,
            padding="same",
            kernel_initializer="he_normal",
            name=f"conv_{stage}",
        )
        for role, x in features.items():
            x = layers.LeakyReLU(0.1, name=f"conv_{stage}_{role}")(convolution(x))
            features[role] = x
        if stage in SKIPS:
            skips[SKIPS[stage]] = features["fixed"]
    costs = CorrelationCost(max_displacement, stride, name="correlation")(
        [features["fixed"], features["moving"]]
    )
    costs = layers.LeakyReLU(0.1, name="correlation_activation")(costs)
    own = _convolution(
        features["fixed"], _scaled(REDIRECTED, width), 1, 1, "conv_redirected"
    )
    return layers.Concatenate(name="compared")([own, costs]), skips


def _expanded(x, skips, width):
    """Decode the flow at each scale, coarse to fine."""
    flows = {"flow_6": _flow(x, 6)}
    for level, filters in DECODER.items():
        up = layers.Conv2DTranspose(
            _scaled(filters, width),
            4,
            strides=2,
            padding="same",
            kernel_initializer="he_normal",
            name=f"deconv_{level}",
        )(x)
        up = layers.LeakyReLU(0.1, name=f"deconv_{level}_activation")(up)
        flow = layers.Conv2DTranspose(
            2, 4, strides=2, padding="same", name=f"upsampled_flow_{level}"
        )(flows[f"flow_{level + 1}"])
        x = layers.Concatenate(name=f"join_{level}")([skips[level], up, flow])
        flows[f"flow_{level}"] = _flow(x, level)
    return flows


def _flow(x, level):
    return layers.Conv2D(
        2,
        3,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=1e-5),
        dtype="float32",
        name=f"flow_{level}",
    )(x)


def _convolution(x, filters, size, stride, name):
    x = layers.Conv2D(
        filters,
        size,
        stride,
        padding="same",
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.LeakyReLU(0.1, name=f"{name}_activation")(x)


def _scaled(filters, width):
    return max(4, round(filters * width))


# Images or pairs in the appearance model: few, as in the paper.
SEEDS = 20
LOSS_WEIGHTS = {6: 0.32, 5: 0.08, 4: 0.02, 3: 0.01, 2: 0.005}


def brains(images):
    """Build an appearance model of brains registered to one template.

    Args:
        images: array `(N, *spatial, 1)`.

    Returns:
        Callable that draws pairs, see `AppearanceModel.draw`.
    """
    seeds = _seeds(images)
    template, shape = seeds[:1], seeds.shape[1:-1]
    affine, bspline = IterativeRegistrar(NCC(), Affine()), bspline_registrar()

    def registered(fixed):
        found = affine.optimize(template, fixed)
        first = affine.transform.displacement(found, shape)
        found = bspline.optimize(ops.warp(template, first), fixed)
        second = bspline.transform.displacement(found, shape)
        return ops.compose(first, second)

    return AppearanceModel(seeds, _register_each(registered, seeds)).draw


def hearts(images):
    """Build an appearance model of hearts with one template per pair.

    Args:
        images: array `(N, *spatial, 1)`, moving and fixed images in turn.

    Returns:
        Callable that draws pairs, see `AppearanceModel.draw`.
    """
    _, fixed, shapes = _registered_hearts(images)
    return AppearanceModel(fixed, shapes, one_template=False).draw


def registered_hearts(images):
    """Draw the pairs used by `hearts` as they are, with the registered displacement."""
    pairs = _registered_hearts(images)

    def draw(rng, count=1):
        numbers = rng.integers(len(pairs[0]), size=count)
        return tuple(array[numbers] for array in pairs)

    return draw


def random_brains(images):
    """Deform the images used by `brains` with random smooth fields."""
    return RandomDeformations(_seeds(images)).draw


def random_hearts(images):
    """Deform the images used by `hearts` with random smooth fields."""
    seeds = np.concatenate([_seeds(images[::2]), _seeds(images[1::2])])
    return RandomDeformations(seeds).draw


def _registered_hearts(images):
    """Select pairs, and register them: moving, fixed and displacements."""
    moving, fixed = _seeds(images[::2]), _seeds(images[1::2])
    bspline = bspline_registrar()

    def registered(moving, fixed):
        found = bspline.optimize(moving, fixed)
        return bspline.transform.displacement(found, fixed.shape[1:-1])

    return moving, fixed, _register_each(registered, moving, fixed)


def _seeds(images):
    """Select evenly spaced images, the first and the last included."""
    return images[np.linspace(0, len(images) - 1, SEEDS).round().astype(int)]


def _register_each(registered, *images):
    """Register every image, or every pair: displacements `(N, *spatial, D)`."""
    fields = []
    with progress_bar(len(images[0]), label="Registering the images") as advance:
        for single in zip(*images, strict=True):
            found = registered(*(image[None] for image in single))
            fields.append(kops.convert_to_numpy(found))
            advance()
    return np.concatenate(fields)


def _recipe(make_draw, images, held_out, augmentation=None):
    scale = Scale(
        spacing=1.0,
        shapes=((128, 128),),
        steps=4000,
        learning_rate=1e-3,
        model={"width": 0.25},
        batch_size=8,
        divisor=None,
    )
    published = dataclasses.replace(
        scale, steps=100_000, learning_rate=1e-4, model={"width": 1.0}, decay=False
    )
    weights = {f"flow_{level}": weight for level, weight in LOSS_WEIGHTS.items()}
    return Recipe(
        data=SyntheticDeformations(make_draw, augmentation, held_out=held_out),
        trainer=Supervised(
            losses={name: EndPointError(UNIT) for name in weights}, weights=weights
        ),
        scales={"cpu": scale, "published": published},
        refinement=Refinement(NCC()),
        images=images,
    )


POSE = Pose(rotation=10.0, scale=0.1, shift=8.0, flip=True)
CINE = Images("MR", "MR", "short-axis cine slices of one heart")
SLICES = Images(
    "MR",
    "MR",
    "axial T1 brain slices of two persons",
    "skull-stripped, affinely aligned",
)
SYSTEM = System(
    name="sam_flownet",
    builder=FlowNetSAM,
    chapter="4.1",
    reference="Uzunova et al., MICCAI 2017 [125]",
    predicts="displacement",
    recipes={
        "brain_2d": _recipe(brains, SLICES, held_out=20, augmentation=POSE),
        "brain_2d_random": _recipe(
            random_brains, SLICES, held_out=20, augmentation=POSE
        ),
        "cardiac_cine": _recipe(hearts, CINE, held_out=40),
        "cardiac_cine_random": _recipe(random_hearts, CINE, held_out=40),
        "cardiac_cine_registered": _recipe(
            registered_hearts, CINE, held_out=40, augmentation=POSE
        ),
    },
    protocols=(
        HELD_OUT_PAIRS,
        KNOWN_DEFORMATIONS,
    ),
)
