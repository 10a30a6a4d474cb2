"""What the zoo knows of a surveyed system, and how its networks are trained."""

import dataclasses
from collections.abc import Callable

from kregzoo.training.adversarial import Adversary
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
        batch_size: int. Pairs a step.
        divisor: int or None, see `Preprocessor`; None for a network of one size.
        stages: tuple of dicts of builder's arguments that differ, each for a network
            that is trained for all the steps, with the weights of the one before it
            frozen. Empty for a network that is trained at once.
    """

    spacing: float
    shapes: tuple
    steps: int
    learning_rate: float
    model: dict = dataclasses.field(default_factory=dict)
    batch_size: int = 1
    divisor: int | None = 16
    stages: tuple = ()


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
        alignment: `"affine"`, `"centres"` or `"none"`, what comes before the network,
            see `OneStepRegistrar`.
        exchange: bool. Whether records that are pairs are drawn in both directions.
        moving_pose: the `Pose` that the moving image is drawn in beside that.
        affine_target: bool. Whether an image, or another of the same person, is paired
            with itself, and the affine of `moving_pose` is what there is to find.
        synthesis: callable of images `(N, *spatial, 1)` on the canonical grid that
            gives what `SyntheticPairs` draws from; None to draw the images themselves.
        views: callable of normalised images, a batch size and a seed that gives the
            dataset to train on, such as `OptimalQValues`; None to draw pairs.
        game: callable of normalised images that gives the `RegistrationEnvironment` in
            which an agent learns; None for networks that learn by `fit`.
        learning: the `kregzoo.agents.QLearning` that it learns by, whose steps the
            scale says.
        regularisers: tuple of pairs `(loss, weight)` that refinement minimises beside
            the loss of the warped image; None for those of `OneStepRegistrar`.
        aligned_by_labels: bool. Whether training takes for aligned what lays the labels
            of a pair on each other, rigidly, in place of `alignment`.
        adversary: the `Adversary` that the network trains against; None for none.
    """

    losses: Callable
    loss_weights: dict
    scales: dict
    pose: Pose
    held_out: int = 2
    initial: str | None = None
    alignment: str = "affine"
    exchange: bool = False
    moving_pose: Pose | None = None
    affine_target: bool = False
    synthesis: Callable | None = None
    views: Callable | None = None
    game: Callable | None = None
    learning: object | None = None
    regularisers: tuple | None = None
    aligned_by_labels: bool = False
    adversary: Adversary | None = None


@dataclasses.dataclass(frozen=True)
class System:
    """A system of the survey.

    Args:
        name: str, as in `kregzoo train NAME`.
        builder: callable that makes the Keras model.
        chapter: str. The survey's section, such as `"5.1"`.
        reference: str. The publication, with the survey's reference number.
        transform: str. What the network predicts.
        recipes: dict of `Recipe` by the name of the data folder that each is made for;
            another one for the same data has a name of its own. The first one serves
            other data.
        registrar: callable that makes the preset's registrar, with the arguments of
            `OneStepRegistrar`; None for that itself.
    """

    name: str
    builder: Callable
    chapter: str
    reference: str
    transform: str
    recipes: dict
    registrar: Callable | None = None

    @property
    def recipe(self):
        """The first recipe."""
        return next(iter(self.recipes.values()))
