"""What the zoo knows of a surveyed system, and how its networks are trained."""

import dataclasses
from collections.abc import Callable

from kregzoo.training.pairs import Pose


@dataclasses.dataclass(frozen=True)
class Scale:
    """One size at which a recipe trains.

    Args:
        spacing: float. Voxel size in mm.
        shapes: tuple of canonical shapes, see `Preprocessor`; training uses the first
            that holds the reference image.
        steps: int. Optimiser steps.
        learning_rate: float. The first; it decays to zero along a cosine.
        model: dict of the builder's arguments, but for the input shape.
    """

    spacing: float
    shapes: tuple
    steps: int
    learning_rate: float
    model: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a system's shipped weights came about.

    Args:
        losses: callable without arguments that makes the losses, a dict by output.
        loss_weights: dict of floats by output.
        scales: dict of `Scale` by name, `"cpu"` and `"published"`.
        pose: the `Pose` that each pair is drawn in.
        held_out: int. How many of the last training records are kept for validation.
        initial: str. The preset whose weights the layers of the same name and shapes
            start from; None for random ones throughout.
    """

    losses: Callable
    loss_weights: dict
    scales: dict
    pose: Pose
    held_out: int = 2
    initial: str | None = None


@dataclasses.dataclass(frozen=True)
class System:
    """A system of the survey.

    Args:
        name: str, as in `kregzoo train NAME`.
        builder: callable that makes the Keras model.
        chapter: str. The survey's section, such as `"5.1"`.
        reference: str. The publication, with the survey's reference number.
        transform: str. What the network predicts.
        recipe: the `Recipe`.
    """

    name: str
    builder: Callable
    chapter: str
    reference: str
    transform: str
    recipe: Recipe
