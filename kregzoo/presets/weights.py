"""The `weights` argument of model builders, which loads a preset or a file."""

import functools
import inspect

from kregzoo.presets.preset import find_preset, read_weights
from kregzoo.utils.files import as_path

# Arguments that may differ from the trained network, because the weights still fit.
FREE = ("input_shape", "include_top", "weights", "name")


def pretrained(system, free=()):
    """Decorate the builder of a system to load the weights that `weights` names.

    If `weights` is a data tag, the builder loads the preset `<system>_<tag>`, and the
    arguments and the input shape of the preset replace the defaults of the builder. If
    `weights` is the path of a `.weights.h5` file, the other arguments must describe the
    network of the file.

    Args:
        system: str. Name of the system.
        free: tuple of str. Additional arguments that may differ from the preset,
            because they change the outputs but not the weights.

    Returns:
        A decorator. The decorated builder raises a ValueError if the tag is unknown,
        the file is damaged, the weights belong to another architecture, or a given
        argument differs from the preset.

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
            # Weights are matched by layer names, so a model without the head loads the
            # weights of its own layers.
            read_weights(model, path)
            return model

        return build

    return decorate


def _refuse_others(given, trained, weights, free):
    """Raise if a given argument differs from the arguments of the trained network."""
    for name, value in given.items():
        if name not in free and _plain(value) != _plain(trained[name]):
            raise ValueError(
                f"`{name}` must be {trained[name]!r}, as for the trained weights "
                f"{weights!r}: omit the argument, or train new weights. "
                f"Received: {name}={value!r}"
            )


def _plain(value):
    """Convert a tuple to a list, as JSON does."""
    return list(value) if isinstance(value, tuple) else value
