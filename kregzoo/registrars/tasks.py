"""Tasks: what the networks of a system do, and how to use a loaded network."""

import abc
import dataclasses

from kregzoo.registrars.one_step import OneStepRegistrar


@dataclasses.dataclass(frozen=True)
class Input:
    """Argument of a task.

    Args:
        name: str, for example `"moving"`.
        help: str. Short description.
        many: bool. Whether the argument is a list of images instead of one image.
    """

    name: str
    help: str = ""
    many: bool = False


class Task(abc.ABC):
    """What the networks of a system do.

    `kregzoo.load` returns the object that `make` makes. The object does its work by the
    method named `verb`, which takes the `inputs` as positional arguments and returns a
    result with a method `save(directory)`. The object also has `model`, `preprocessor`
    and `preset`, see `kregzoo.registrars.LoadedNetwork`.

    Attributes:
        verb: str. Name of the method.
        inputs: tuple of `Input`.
        summary: str. Short description of the task.
    """

    verb = ""
    inputs = ()
    summary = ""

    @abc.abstractmethod
    def make(self, model, preset, recipe):
        """Make the object that does the task.

        Args:
            model: the Keras model, with its weights.
            preset: the `Preset` that the model was loaded from.
            recipe: the `Recipe` that trained the model, at the scale of the preset.

        Returns:
            A `kregzoo.registrars.LoadedNetwork`.
        """


class RegistersPair(Task):
    """Task of registering a moving image to a fixed image.

    Args:
        registrar: subclass of `kregzoo.registrars.Registrar`. Defaults to
            `OneStepRegistrar`.
        **arguments: Arguments of the registrar that the preset does not determine.
    """

    verb = "register"
    inputs = (
        Input("moving", "image to warp"),
        Input("fixed", "image to align it with"),
    )
    summary = "registers a pair"

    def __init__(self, registrar=OneStepRegistrar, **arguments):
        self.registrar = registrar
        self.arguments = arguments

    def make(self, model, preset, recipe):
        return self.registrar.from_preset(model, preset, recipe, **self.arguments)
