"""Builders' `weights` argument: a preset's weights, and the arguments they are of."""

import functools
import inspect

from kregzoo.presets.preset import find_preset, read_weights
from kregzoo.utils.files import as_path

# What may differ from the network that was trained: the weights fit all the same.
FREE = ("input_shape", "include_top", "weights", "name")


def pretrained(system, free=()):
    """Decorate a system's builder to load what its `weights` argument names.

    The tag of a preset's data stands for the preset `<system>_<tag>`. Its network's
    arguments, and the input shape of its images, then replace the builder's defaults.
    The path of a `.weights.h5` file is of a network that the other arguments describe.

    Args:
        system: str. The system's name.
        free: tuple of str. Further arguments that may differ from the preset's, since
            they change outputs and no weights.

    Returns:
        A decorator. The builder that it returns raises a ValueError for an unknown tag,
        a damaged file, weights of another architecture, or an argument that is given
        and is not the preset's.

    Example:
        ```python
        @pretrained("voxelmorph")
        def VoxelMorph(input_shape=(160, 192, 224, 1), weights=None, name="voxelmorph"):
            ...

        model = VoxelMorph(weights="brain_t1")
        ```
    """

    def decorate(builder):
        signature = inspect.signature(builder)
        defaults = {name: p.default for name, p in signature.parameters.items()}

        @functools.wraps(builder)
        def build(*args, **kwargs):
            given = signature.bind(*args, **kwargs).arguments
            weights = given.get("weights")
            if weights is None:
                return builder(**given)
            path = as_path(str(weights))
            if path.name.lower().endswith(".weights.h5") and path.is_file():
                model = builder(**given)
            else:
                preset = find_preset(f"{system}_{weights}")
                trained = {
                    **defaults,
                    "input_shape": preset.input_shape,
                    **preset.config["arguments"],
                }
                _refuse_others(given, trained, weights, (*FREE, *free))
                model = builder(**{**trained, **given})
                path = preset.folder / "model.weights.h5"
            # A model without its head has fewer layers, whose names tell which weights
            # to take.
            read_weights(model, path)
            return model

        return build

    return decorate


def _refuse_others(given, trained, weights, free):
    """Raise for a given argument that is not what the weights were trained with."""
    for name, value in given.items():
        if name not in free and _plain(value) != _plain(trained[name]):
            raise ValueError(
                f"`{name}` must be {trained[name]!r}, of which the weights {weights!r} "
                f"are: leave it out, or train anew. Received: {name}={value!r}"
            )


def _plain(value):
    """A value as JSON keeps it, which has no tuples."""
    return list(value) if isinstance(value, tuple) else value
