"""Liao's agent: registration by moves chosen by predicted action values.

Survey section 3.2, reference [73]: Liao, Miao, de Tournemire, Grbic, Kamen, Mansi,
Comaniciu, "An Artificial Agent for Robust Image Registration", AAAI 2017, arXiv
1611.10336. The survey calls the method reinforcement learning, but the network is
trained by supervised regression: the values of all actions follow from the shortest
trajectory, without exploration.

Published, in the paper, its patents or a public re-implementation: the difference of
both images as input; five convolutions of 8, 32, 32, 128 and 128 channels with two
poolings; dense layers of 512, 512 and 64 units; batch normalization and ReLU; twelve
moves of 1 mm and 1 degree; a discount of 0.9 and a bonus of 10 at the goal; a second
network at higher resolution; 200 steps at most.

Not confirmed: both resolutions, the capture range of the second network, and the region
that the second network sees. Our choices:

- The goal is reached when every degree of freedom is within tolerance, because unit
  steps often cannot bring the length of the residual below half a unit.
- Rotations are about the center of the view.
- In training, the residual of each degree of freedom is drawn separately, and half of
  the residuals have no translation.
- The loss weights differences of action values (see `ActionValueError`).
- The second network sees the central part of the fixed image.
- Cone-beam CT is simulated by shading, noise and a cylindrical field of view.
- Each CT is augmented to forty bodies of other shapes and contrasts, by affines and
  smooth random fields.
- At the `cpu` scale: moves of 3 mm and 3 degrees, then of 1.5 mm and 1.5 degrees, then
  of half of that by the same second network, which is not trained for them; views of 24
  voxels along each axis (we believe that the paper used 64); other widths; both images
  as inputs besides the difference, to interpret the difference in unseen bodies.
"""

import keras
import numpy as np
from keras import layers

from kregzoo.agents import OptimalQValues
from kregzoo.agents.actions import RigidMotions
from kregzoo.agents.observations import Stage
from kregzoo.agents.registrar import AgentRegistrar
from kregzoo.blocks.convolutions import CONVOLUTIONS, MAX_POOLINGS
from kregzoo.losses import MSE, ActionValueError
from kregzoo.presets.weights import pretrained
from kregzoo.protocols import CONE_BEAM, FAR_CONE_BEAM
from kregzoo.registrars import RegistersPair
from kregzoo.simulation.cone_beam import cone_beam
from kregzoo.spatial import Image
from kregzoo.training import (
    Images,
    ImageViews,
    Pose,
    Recipe,
    Scale,
    Supervised,
    System,
    augment_shapes,
)

SCALES = ("coarse", "fine")
WIDTHS = (8, 32, 32, 128, 128)
DENSE = (512, 512, 64)
POOLED = 2


@pretrained("liao_agent")
def LiaoAgent(
    input_shape=(64, 64, 64, 1),
    widths=WIDTHS,
    dense=DENSE,
    padding="valid",
    both_images=False,
    weights=None,
    name="liao_agent",
):
    """Instantiate the agent of Liao et al. (AAAI 2017).

    The model is called on `{"coarse_view": ..., "fine_view": ...}`, each
    `(B, *spatial, 2)`: the moving image under an alignment, and the fixed image, with
    intensities in [0, 1]. It returns `{"coarse": (B, A), "fine": (B, A)}`, the values
    of the A actions of `kregzoo.agents.actions.RigidMotions` (12 in 3-D, 6 in 2-D). The
    layers `"coarse"` and `"fine"` are the networks of the two resolutions.

    Args:
        input_shape: tuple `(*spatial, 1)` of a view, in 2-D or 3-D.
        widths: tuple of ints, channels of the convolutions.
        dense: tuple of ints, units of the dense layers.
        padding: `"valid"` as published, or `"same"` for small shapes.
        both_images: bool. Add both images to the input. The published input is only
            their difference.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"ct_volumes"`), whose arguments then replace the defaults.
        name: str. Name of the model.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 2-D or 3-D, contains None, or is too
            small for the convolutions.

    Example:
        >>> model = LiaoAgent((24, 24, 24, 1), (4, 8), (16,), "same")
        >>> seen = keras.ops.ones((1, 24, 24, 24, 2))
        >>> tuple(model({"coarse_view": seen, "fine_view": seen})["fine"].shape)
        (1, 12)
    """
    spatial = tuple(input_shape)[:-1]
    if len(spatial) not in (2, 3) or None in spatial:
        raise ValueError(
            "`input_shape` must be (height, width, 1) or (depth, height, width, 1), "
            f"without None. Received: input_shape={tuple(input_shape)}"
        )
    inputs = {f"{s}_view": keras.Input((*spatial, 2), name=f"{s}_view") for s in SCALES}
    arguments = {
        "widths": list(widths),
        "dense": list(dense),
        "padding": padding,
        "both_images": both_images,
    }
    outputs = {
        scale: _network(spatial, **arguments, name=scale)(inputs[f"{scale}_view"])
        for scale in SCALES
    }
    return keras.Model(inputs, outputs, name=name)


def _network(spatial, widths, dense, padding, both_images, name):
    ndim = len(spatial)
    seen = keras.Input((*spatial, 2), name=f"{name}_seen")
    x = layers.Subtract(name=f"{name}_difference")([seen[..., 1:], seen[..., :1]])
    if both_images:
        x = layers.Concatenate(name=f"{name}_inputs")([x, seen])
    for number, width in enumerate(widths, start=1):
        if padding == "valid" and min(x.shape[1:-1]) < 3:
            raise ValueError(
                "`input_shape` is too small for `padding='valid'`: use a larger shape "
                f"or `padding='same'`. Received: input_shape={(*spatial, 1)}"
            )
        x = CONVOLUTIONS[ndim](
            width,
            3,
            padding=padding,
            kernel_initializer="he_normal",
            name=f"{name}_convolution_{number}",
        )(x)
        x = _activated(x, f"{name}_convolution_{number}")
        if number <= POOLED:
            x = MAX_POOLINGS[ndim](2, name=f"{name}_pool_{number}")(x)
    x = layers.Flatten(name=f"{name}_flat")(x)
    for number, units in enumerate(dense, start=1):
        x = layers.Dense(
            units, kernel_initializer="he_normal", name=f"{name}_dense_{number}"
        )(x)
        x = _activated(x, f"{name}_dense_{number}")
    actions = RigidMotions(ndim).count
    values = layers.Dense(actions, dtype="float32", name=f"{name}_values")(x)
    return keras.Model(seen, values, name=name)


def _activated(x, name):
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_activation")(x)


SHAPE = (24, 24, 24)
STAGES = (
    Stage("coarse", 8.0, SHAPE, RigidMotions(3, 3.0, 3.0), 80, (12.0, 12.0)),
    Stage("fine", 5.0, SHAPE, RigidMotions(3, 1.5, 1.5), 40, (8.0, 8.0)),
    Stage("fine", 5.0, SHAPE, RigidMotions(3, 0.75, 0.75), 30, (8.0, 8.0)),
)
# The paper gives neither the resolutions nor the capture range of the second network.
PUBLISHED_SHAPE = (64, 64, 64)
PUBLISHED_STAGES = (
    Stage("coarse", 4.0, PUBLISHED_SHAPE, RigidMotions(3, 1.0, 1.0), 150, (30.0, 30.0)),
    Stage("fine", 2.0, PUBLISHED_SHAPE, RigidMotions(3, 1.0, 1.0), 50, (10.0, 10.0)),
)

# Augmented bodies per CT, and their voxel size in mm.
VARIANTS, VOXEL = 40, 4.0
POSE = Pose(rotation=10.0, scale=0.1, shift=10.0, shear=0.1, flip=True)


def _views(images, stages, batch_size, seed):
    rng = np.random.default_rng(seed)
    shapes = [
        _of_other_contrast(rng, shape)
        for image in images
        for shape in augment_shapes(rng, image, POSE, VOXEL, VARIANTS)
    ]
    # A third stage uses the second network, and is not trained.
    trained = stages[: len(SCALES)]
    return OptimalQValues(
        shapes, trained, POSE, cone_beam, batch_size=batch_size, seed=seed
    )


def _of_other_contrast(rng, image):
    return Image(image.array ** np.exp(rng.uniform(-0.4, 0.4)), image.grid)


def _rmsprop(learning_rate):
    """Make the published optimizer: RMSprop, decayed by 0.7 every 10 000 steps."""
    return keras.optimizers.RMSprop(
        keras.optimizers.schedules.ExponentialDecay(
            learning_rate, decay_steps=10_000, decay_rate=0.7, staircase=True
        )
    )


RECIPE = Recipe(
    data=ImageViews(_views, STAGES),
    trainer=Supervised(losses={scale: ActionValueError() for scale in SCALES}),
    scales={
        "cpu": Scale(
            spacing=8.0,
            shapes=(SHAPE,),
            steps=7500,
            learning_rate=1e-3,
            model={
                "widths": [8, 32, 64, 64, 8],
                "dense": [128, 128, 64],
                "padding": "same",
                "both_images": True,
            },
            batch_size=32,
            divisor=None,
        ),
        "published": Scale(
            spacing=4.0,
            shapes=(PUBLISHED_SHAPE,),
            steps=150_000,
            learning_rate=6e-5,
            batch_size=32,
            divisor=None,
            decay=False,
            changes={
                "data": ImageViews(_views, PUBLISHED_STAGES),
                "trainer": Supervised(
                    losses={scale: MSE() for scale in SCALES}, optimizer=_rmsprop
                ),
            },
        ),
    },
    images=Images("CT", "CT", "CT and simulated cone-beam CT of one person"),
)

SYSTEM = System(
    name="liao_agent",
    builder=LiaoAgent,
    chapter="3.2",
    reference="Liao et al., AAAI 2017 [73]",
    predicts="rigid, in discrete steps",
    recipes={"ct_volumes": RECIPE},
    task=RegistersPair(AgentRegistrar),
    protocols=(
        CONE_BEAM,
        FAR_CONE_BEAM,
    ),
)
