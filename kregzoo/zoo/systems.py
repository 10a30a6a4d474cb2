"""Finding a system and its recipe by name."""

import pathlib

from kregzoo.models import SYSTEMS


def find_system(name):
    """Find a system of the survey by its name.

    Args:
        name: str, such as `"voxelmorph"`.

    Returns:
        A `kregzoo.training.System`.

    Raises:
        ValueError: when there is none of this name.
    """
    if name not in SYSTEMS:
        raise ValueError(
            f"`system` must be one of {', '.join(SYSTEMS)}. Received: {name!r}"
        )
    return SYSTEMS[name]


def find_recipe(system, data, name):
    """A recipe's name and the recipe."""
    if name is None:
        name = pathlib.Path(data).resolve().name
        name = name if name in system.recipes else next(iter(system.recipes))
    if name not in system.recipes:
        raise ValueError(
            f"`recipe` must be one of {', '.join(system.recipes)}. Received: {name!r}"
        )
    return name, system.recipes[name]
