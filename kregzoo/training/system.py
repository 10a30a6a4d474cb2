"""Systems, and the recipes that train the networks."""

import dataclasses
from collections.abc import Callable

import keras

from kregzoo.registrars.tasks import RegistersPair, Task


@dataclasses.dataclass(frozen=True)
class Scale:
    """Size at which a recipe trains.

    Args:
        spacing: float. Voxel size in mm.
        shapes: tuple of canonical shapes, see `Preprocessor`. Training uses the first
            shape that holds the reference image.
        steps: int. Optimizer steps.
        learning_rate: float. Initial learning rate.
        model: dict of the builder's arguments, without the input shape.
        batch_size: int. Pairs per step.
        divisor: int or None, see `Preprocessor`. None for a network of one input size.
        decay: bool. Decay the learning rate to zero along a cosine.
        changes: dict of the fields of the `Recipe` that differ at this scale.
    """

    spacing: float
    shapes: tuple
    steps: int
    learning_rate: float
    model: dict = dataclasses.field(default_factory=dict)
    batch_size: int = 1
    divisor: int | None = 16
    decay: bool = True
    changes: dict = dataclasses.field(default_factory=dict)

    def schedule(self):
        """Make the learning rate or its schedule."""
        if not self.decay:
            return self.learning_rate
        return keras.optimizers.schedules.CosineDecay(self.learning_rate, self.steps)


@dataclasses.dataclass(frozen=True)
class Images:
    """Kind of images that a network is trained on.

    Args:
        moving: str. Modality of the moving image, for example `"MR"`.
        fixed: str. Modality of the fixed image.
        subject: str. What the images show, for example `"brains of two persons"`.
        preparation: str. Required preparation, for example `"skull-stripped"`.

    Example:
        >>> print(Images("MR", "US", "prostate of one person"))
        MR to US, prostate of one person
    """

    moving: str
    fixed: str
    subject: str
    preparation: str = ""

    def __str__(self):
        modalities = dict.fromkeys((self.moving, self.fixed))
        parts = (" to ".join(modalities), self.subject, self.preparation)
        return ", ".join(part for part in parts if part)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Training recipe of a preset.

    Args:
        data: strategy that builds the datasets, see `kregzoo.training.data`.
        trainer: strategy that fits the network, see `kregzoo.training.trainers`.
        scales: dict of `Scale` by name. `"published"` is the scale of the paper.
        initial: str. Name of the preset whose weights initialize the layers of the same
            name and shapes. Defaults to random weights.
        refinement: the `kregzoo.registrars.Refinement` of a registered pair. Defaults
            to the refinement of `OneStepRegistrar`.
        images: the `Images` that the network is for.
    """

    data: object
    trainer: object
    scales: dict
    initial: str | None = None
    refinement: object | None = None
    images: Images | None = None

    def at(self, name):
        """Return the recipe with the changes of a scale.

        Args:
            name: str, of `scales`.

        Returns:
            A `Recipe` with the `changes` of the scale.

        Raises:
            ValueError: If there is no scale of this name.
        """
        if name not in self.scales:
            raise ValueError(
                f"`scale` must be one of {tuple(self.scales)}. Received: {name!r}"
            )
        return dataclasses.replace(self, **self.scales[name].changes)


@dataclasses.dataclass(frozen=True)
class System:
    """System of the survey, or of a user.

    Args:
        name: str, as in `kregzoo train NAME`.
        builder: callable that makes the Keras model.
        chapter: str. Section of the survey, for example `"5.1"`, or
            `"after the survey"`.
        reference: str. The publication, with the reference number of the survey.
        predicts: str. What the network predicts, for example `"displacement"`.
        recipes: dict of `Recipe` by name. A recipe usually has the name of the data
            folder that it is made for; a second recipe for the same data needs another
            name. The first recipe is the default for other data.
        task: the `kregzoo.registrars.Task` of the networks.
        protocols: tuple of `kregzoo.protocols.Protocol` of the evaluation. Defaults to
            held-out pairs.
    """

    name: str
    builder: Callable
    chapter: str
    reference: str
    predicts: str
    recipes: dict
    task: Task = RegistersPair()
    protocols: tuple = ()

    @property
    def recipe(self):
        """The first recipe."""
        return next(iter(self.recipes.values()))
