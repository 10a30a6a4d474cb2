"""Presets by name: loading and listing them."""

import dataclasses

from kregzoo.presets import hub
from kregzoo.presets.preset import (
    FILES,
    Preset,
    find_preset,
    installed_presets,
    read_weights,
)
from kregzoo.registrars.one_step import OneStepRegistrar
from kregzoo.zoo.cards import headline
from kregzoo.zoo.systems import find_recipe, find_system


@dataclasses.dataclass(frozen=True)
class ModelRecord:
    """What `list_models` says of a preset.

    Args:
        name: str. The preset, as `load` takes it.
        system: str. The surveyed system.
        chapter: str. The survey's section.
        reference: str. The publication, with the survey's reference number.
        transform: str. What the network predicts.
        ndim: int. 2 or 3 dimensions.
        data: str. The data it was trained on.
        licence: str. The licence of those data.
        figures: dict of what was measured on held-out pairs: by data set, method and
            figure, a number or its mean and both ends of the 95 % interval.
    """

    name: str
    system: str
    chapter: str
    reference: str
    transform: str
    ndim: int
    data: str
    licence: str
    figures: dict


def load(name):
    """Load a pretrained registrar.

    Runs no code from the preset's files, whose sha256 is verified.

    Args:
        name: str. A preset of `list_models`, the path of a preset folder, or
            `"hf://owner/name"` on the Hugging Face Hub.

    Returns:
        A registrar: `registrar.register(moving, fixed)`; its Keras model is
        `registrar.model`.

    Raises:
        ValueError: for an unknown name, or a preset whose files are damaged.
        ImportError: for a hub without huggingface_hub.

    Example:
        >>> registrar = load("voxelmorph_brain_t1")
        >>> registrar.model.name
        'voxelmorph'
    """
    preset = find_preset(name)
    frame = preset.preprocessor
    system, model = _built(preset)
    read_weights(model, preset.folder / "model.weights.h5")
    data = preset.metadata.get("data", {}).get("name", "")
    _, recipe = find_recipe(system, data, preset.config.get("recipe"))
    make_registrar = system.registrar or OneStepRegistrar
    return make_registrar(
        model,
        frame,
        metric=recipe.losses().get("warped"),
        regularisers=recipe.regularisers,
        alignment=recipe.alignment,
        preset=preset,
    )


def _built(preset):
    """The system and the network that a preset's `config.json` describes."""
    config = preset.config
    try:
        system = find_system(config["system"])
        return system, system.builder(preset.input_shape, **config["arguments"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"The preset's `config.json` describes no network: {error}. "
            f"Received: {config}"
        ) from error


def push(folder, address):
    """Upload a preset folder to the Hugging Face Hub, for `load(address)`.

    Args:
        folder: path of a preset folder.
        address: str, `"hf://owner/name"`; the repository is made if there is none.

    Returns:
        The address of the commit, a str.

    Raises:
        ValueError: for a folder that is no undamaged preset, or when the hub cannot be
            reached, or does not let the user write.
        ImportError: without huggingface_hub.
    """
    return hub.push(Preset.read(folder).folder, address, FILES)


def list_models():
    """List the presets that come with the package.

    Returns:
        List of `ModelRecord`, by name.

    Example:
        >>> "voxelmorph_brain_t1" in [record.name for record in list_models()]
        True
    """
    return [_record(Preset.read(path)) for path in installed_presets().values()]


def table(records):
    """Make a table of model records to print.

    Args:
        records: list of `ModelRecord`.

    Returns:
        A `rich.table.Table`.
    """
    from rich.box import SIMPLE
    from rich.table import Table

    rich_table = Table(
        "name", "section", "predicts", "held out", box=SIMPLE, pad_edge=False
    )
    # The name is what one copies into the next command.
    rich_table.columns[0].no_wrap = rich_table.columns[-1].no_wrap = True
    for record in records:
        accuracy = headline(record.figures)
        rich_table.add_row(record.name, record.chapter, record.transform, accuracy)
    return rich_table


def _record(preset):
    metadata = preset.metadata
    return ModelRecord(
        name=preset.name,
        ndim=preset.preprocessor.ndim,
        data=metadata["data"]["title"],
        licence=metadata["data"]["licence"],
        **{
            key: metadata[key]
            for key in ("system", "chapter", "reference", "transform", "figures")
        },
    )
