"""Ma's agent: a dueling Q-network that registers a CT to a depth image.

Survey section 3.2, reference [83], cited there as Kai et al.: Ma, Wang, Singh,
Tamersoy, Chang, Wimmer, Chen, "Multimodal Image Registration with Deep Context
Reinforcement Learning", MICCAI 2017. The survey describes MR and CT of the chest; the
paper registers depth images of patients to their CT.

Published: both images projected to a plane, with the interior of the CT as context;
Q-learning with a variant of the dueling network that separates the terminal rewards of
an episode from the rewards of single steps.

Not confirmed: the projection, the channels, the moves and their sizes, all widths, how
the two kinds of rewards are separated, and all constants. Our choices:

- The channels are the heights of both bodies seen from the front, the difference of
  the heights, and the mean of the CT along the line of sight.
- The widths are those of the first deep Q-network.
- Each kind of reward has a value and an advantage. The agent acts on the sum of both.
- The moves cover all six degrees of freedom, with 2.5 mm and 2 degrees per step. Then
  the same network moves in steps of half these sizes, for which it is not trained.
- The terminal rewards are 10 and -10. Training uses double Q-learning.
- In the first half of training, a fifth of the episodes follow the shortest trajectory.
- The body surface is rendered from the CT, with simulated clothing and noise, instead
  of recorded by a camera.
- Each CT that shows skin is augmented to three hundred bodies of other shapes, by
  affines and smooth random fields.
- Both scales are ours, because the scale of the paper is not known.

For the comparison of the paper, the recipe `ct_volumes_dueling` trains a dueling
network on the sum of both rewards, and `ct_volumes_dqn` a plain deep Q-network.
"""

import dataclasses

import keras
import numpy as np
from keras import layers

from kregzoo.agents import AgentRegistrar, QLearning
from kregzoo.agents.actions import RigidMotions
from kregzoo.agents.observations import HeightView, Stage
from kregzoo.presets.weights import pretrained
from kregzoo.protocols import BODY_SURFACES
from kregzoo.registrars import RegistersPair
from kregzoo.simulation.body_surfaces import THRESHOLD, body, surface
from kregzoo.spatial import Image, Preprocessor
from kregzoo.training import (
    Environments,
    Images,
    Pose,
    Recipe,
    Scale,
    System,
    augment_shapes,
)

WIDTHS = (32, 64, 64)
DENSE = 512
# Kernels and strides of the first deep Q-network.
KERNELS = ((8, 4), (4, 2), (3, 1))
KINDS = ("step", "terminal")
# Amplifies the difference of both heights, which is small compared with the heights.
GAIN = 8.0


@pretrained("ma_dueling")
def MaDuelingDQN(
    input_shape=(128, 128, 128, 1),
    widths=WIDTHS,
    dense=DENSE,
    dueling=True,
    separate=True,
    weights=None,
    name="ma_dueling",
):
    """Instantiate the agent of Ma et al. (MICCAI 2017).

    The model is called on `{"view": (B, x, z, 3)}`, the `HeightView` of a volume
    `(x, y, z)`, and returns `"values"` `(B, 12)`, the values of the actions of
    `kregzoo.agents.actions.RigidMotions`. With separate rewards it also returns
    `"step"` and `"terminal"`, whose sum is the values. The only layer is `"agent"`.

    Args:
        input_shape: tuple `(x, y, z, 1)`, shape in voxels of the viewed volume.
        widths: tuple of three ints, channels of the convolutions.
        dense: int. Units of each stream.
        dueling: bool. Predict a state value and action advantages. Otherwise the
            network is a plain deep Q-network.
        separate: bool. A dueling network predicts both for each kind of reward.
            Otherwise it predicts both once, for the sum of the rewards.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"ct_volumes"`), whose arguments then replace the defaults.
        name: str. Name of the model.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If `weights` are unknown or belong to another architecture or other
            arguments, or `input_shape` is not 3-D or contains None.

    Example:
        >>> model = MaDuelingDQN((48, 32, 48, 1), widths=(8, 8, 8), dense=16)
        >>> tuple(model({"view": keras.ops.ones((1, 48, 48, 3))})["values"].shape)
        (1, 12)
    """
    if len(input_shape) != 4 or None in tuple(input_shape):
        raise ValueError(
            "`input_shape` must be (x, y, z, 1), without None. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    x, _, z, _ = input_shape
    seen = keras.Input((x, z, 3), name="seen")
    features = _trunk(seen, widths)
    if dueling and separate:
        outputs = {kind: _stream(features, dense, kind) for kind in KINDS}
        outputs["values"] = layers.Add(name="values", dtype="float32")(
            [outputs[kind] for kind in KINDS]
        )
    elif dueling:
        outputs = {"values": _stream(features, dense, "values")}
    else:
        outputs = {"values": _head(features, dense, RigidMotions().count, "values")}
    agent = keras.Model(seen, outputs, name="agent")
    view = keras.Input((x, z, 3), name="view")
    return keras.Model({"view": view}, agent(view), name=name)


def _trunk(seen, widths):
    # The difference of the heights is explicit, so that it generalizes to other bodies.
    gap = GAIN * (seen[..., :1] - seen[..., 1:2])
    x = layers.Concatenate(name="and_gap")([seen, keras.ops.clip(gap, -1.0, 1.0)])
    for number, (width, (size, stride)) in enumerate(
        zip(widths, KERNELS, strict=True), start=1
    ):
        x = layers.Conv2D(
            width,
            size,
            strides=stride,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=f"convolution_{number}",
        )(x)
    return layers.Flatten(name="flat")(x)


def _stream(x, dense, kind):
    """Add a state value and the action advantages (Wang et al., ICML 2016)."""
    value = _head(x, dense, 1, f"{kind}_value")
    advantage = _head(x, dense, RigidMotions().count, f"{kind}_advantage")
    advantage = advantage - keras.ops.mean(advantage, axis=-1, keepdims=True)
    return layers.Add(name=kind, dtype="float32")([value, advantage])


def _head(x, dense, units, name):
    x = layers.Dense(
        dense, "relu", kernel_initializer="he_normal", name=f"{name}_dense"
    )(x)
    return layers.Dense(units, dtype="float32", name=name)(x)


SHAPE = (48, 48, 48)
SPACING = 8.0
MOTIONS = RigidMotions(3, shift=2.5, angle=2.0)
PUBLISHED_MOTIONS = RigidMotions(3, shift=5.0, angle=2.0)
BUDGET = 90
# Large, so that an agent trained on few bodies does not memorize them.
POSE = Pose(rotation=15.0, scale=0.15, shear=0.1, flip=True)
# Small, so that the reward of one step stays visible in the sum of all rewards.
DISCOUNT = 0.6
# Augmented bodies per CT.
VARIANTS = 300


def body_view(moving, fixed, grid):
    """Make the `HeightView` of the body in a CT and of a body surface.

    Args:
        moving: normalized CT `Image`; voxels outside of the body are removed.
        fixed: the `Image` of the surface.
        grid: the `Grid` of the view, in the world of the fixed image.
    """
    body_only = Image(moving.array * body(moving), moving.grid, moving.name)
    return HeightView(body_only, fixed, grid, THRESHOLD)


STAGE = Stage("agent", SPACING, SHAPE, MOTIONS, BUDGET, (8.0, 10.0), body_view)
# Uses the network of the first stage, and is not trained.
FINE_STAGE = dataclasses.replace(STAGE, motions=RigidMotions(3, 1.25, 1.0), budget=40)
PUBLISHED_SHAPE = (128, 128, 128)
PUBLISHED_STAGE = Stage(
    "agent", 5.0, PUBLISHED_SHAPE, PUBLISHED_MOTIONS, BUDGET, (20.0, 15.0), body_view
)


def _environment(images, stages):
    from kregzoo.agents.environments import (
        EpisodeCase,
        RegistrationEnvironment,
        Rewards,
    )

    stage, *_ = stages
    cases = []
    frame = Preprocessor(stage.spacing, (stage.shape,), None)
    shift, angle = stage.reach
    rng = np.random.default_rng(0)
    for image in filter(_shows_skin, images):
        for other in augment_shapes(rng, image, POSE, stage.spacing / 2, VARIANTS):
            fixed = surface(rng, other)
            # The same grid as in a registration.
            grid = frame.canonical_grid(fixed)
            cases.append(EpisodeCase(body_view(other, fixed, grid), np.eye(4)))
    if not cases:
        raise ValueError(
            "`data` must have at least one CT volume that extends beyond the anterior "
            "skin surface. "
            f"Received: {[image.name for image in images]}"
        )
    return RegistrationEnvironment(
        cases,
        stage.motions,
        Pose(
            rotation=angle * stage.motions.angle,
            shift=shift * stage.motions.shift,
            uniform=True,
            even=True,
        ),
        Rewards(tolerance=0.75, limit=2 * shift, clip=1.0),
        budget=stage.budget,
    )


def _shows_skin(image):
    """Check that most of the anterior body surface is inside the image."""
    front = HeightView(image, image, image.grid.reoriented()).observe(np.eye(4))[..., 0]
    return (front[front > 0] < 1).mean() > 0.5


def _recipe(**network):
    return Recipe(
        data=Environments(_environment, (STAGE, FINE_STAGE)),
        trainer=QLearning(discount=DISCOUNT, update_every=2),
        scales={
            "cpu": Scale(
                spacing=SPACING,
                shapes=(SHAPE,),
                steps=80_000,
                learning_rate=5e-4,
                model={"dense": 128, **network},
                batch_size=32,
                divisor=None,
            ),
            "published": Scale(
                spacing=PUBLISHED_STAGE.spacing,
                shapes=(PUBLISHED_SHAPE,),
                steps=500_000,
                learning_rate=1e-4,
                model=network,
                batch_size=32,
                divisor=None,
                changes={
                    "data": Environments(_environment, (PUBLISHED_STAGE,)),
                    "trainer": QLearning(capacity=50_000, copy_every=1000),
                },
            ),
        },
        images=Images("CT", "depth", "CT and simulated body surface of one person"),
    )


SYSTEM = System(
    name="ma_dueling",
    builder=MaDuelingDQN,
    chapter="3.2",
    reference="Ma et al., MICCAI 2017 [83]",
    predicts="rigid, in discrete steps",
    recipes={
        "ct_volumes": _recipe(),
        "ct_volumes_dueling": _recipe(separate=False),
        "ct_volumes_dqn": _recipe(dueling=False),
    },
    task=RegistersPair(AgentRegistrar),
    protocols=(BODY_SURFACES,),
)
