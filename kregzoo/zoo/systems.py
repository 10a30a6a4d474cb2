"""Find systems and recipes by name."""

import pathlib

from kregzoo.models import SYSTEMS


def find_system(name):
    """Find a system by name.

    Args:
        name: str, for example `"voxelmorph"`.

    Returns:
        A `kregzoo.training.System`.

    Raises:
        ValueError: If there is no system of this name.
    """
    if name not in SYSTEMS:
        raise ValueError(
            f"`system` must be one of {', '.join(SYSTEMS)}. Received: {name!r}"
        )
    return SYSTEMS[name]


def register_system(system):
    """Register a new system for `train`, `load` and the command line.

    A process must register the system before it loads a preset of the system. On the
    command line, the option `--systems FILE.py` does this.

    Args:
        system: a `kregzoo.training.System`.

    Returns:
        The system.

    Raises:
        ValueError: If another system has the same name.

    Example:
        ```python
        zoo.register_system(
            System("mine", build, "", "Me, 2026", "displacement", {"scans": RECIPE})
        )
        preset = zoo.train("mine", "scans", "mine_scans")
        ```
    """
    if SYSTEMS.get(system.name, system) is not system:
        raise ValueError(
            "`system` must have a unique name, but another system has this name. "
            f"Received: {system.name!r}"
        )
    SYSTEMS[system.name] = system
    return system


def find_recipe(system, data, name):
    """Find a recipe of a system.

    Args:
        system: the `System`.
        data: str or path. Data folder. If `name` is None, the recipe with the name of
            this folder is chosen, or the first recipe if there is no such recipe.
        name: str or None. Name of the recipe.

    Returns:
        The name of the recipe and the `Recipe`.

    Raises:
        ValueError: If there is no recipe of this name.
    """
    if name is None:
        name = pathlib.Path(data).resolve().name
        name = name if name in system.recipes else next(iter(system.recipes))
    if name not in system.recipes:
        raise ValueError(
            f"`recipe` must be one of {', '.join(system.recipes)}. Received: {name!r}"
        )
    return name, system.recipes[name]


def recipe_of(preset):
    """Find the system of a preset, and the recipe at the scale of the preset.

    Args:
        preset: the `Preset`.

    Returns:
        The `System` and the `Recipe`.

    Raises:
        ValueError: If the system or the recipe of the preset is unknown.
    """
    system = find_system(preset.config["system"])
    data = preset.metadata.get("data", {}).get("name", "")
    _, recipe = find_recipe(system, data, preset.config.get("recipe"))
    scale = preset.metadata.get("training", {}).get("scale", "cpu")
    return system, recipe.at(scale)
