"""Load and list presets by name."""

import dataclasses

from kregzoo.presets import hub
from kregzoo.presets.preset import (
    FILES,
    Preset,
    find_preset,
    installed_presets,
    read_weights,
)
from kregzoo.zoo.auto import AUTO, AutoRegistrar
from kregzoo.zoo.cards import headline
from kregzoo.zoo.systems import recipe_of


@dataclasses.dataclass(frozen=True)
class ModelRecord:
    """Entry of `list_models`.

    Args:
        name: str. Name of the preset, see `load`.
        system: str. Name of the surveyed system.
        chapter: str. Section of the survey.
        reference: str. The publication, with the reference number of the survey.
        task: str. Method of the loaded network that does the task, for example
            `"register"`.
        predicts: str. What the network predicts.
        ndim: int. 2 or 3 dimensions.
        modalities: tuple of str. Modalities of the moving and the fixed image. Empty if
            not known.
        images: str. Kind of images that the network registers.
        data: str. Training data.
        licence: str. License of the training data.
        metrics: dict of metrics on held-out pairs, nested by data set, method and
            metric. Each value is a number, or a mean with both ends of the 95 %
            confidence interval, which are None with fewer than five persons.
    """

    name: str
    system: str
    chapter: str
    reference: str
    task: str
    predicts: str
    ndim: int
    modalities: tuple
    images: str
    data: str
    licence: str
    metrics: dict


def load(name, task=None):
    """Load a pretrained network.

    The sha256 of the preset files is verified, and no code in the files is run.

    Args:
        name: str. A preset of `list_models`, the path of a preset folder,
            `"hf://owner/name"` on the Hugging Face Hub, or `"auto"` for a registrar
            that chooses a preset for each pair.
        task: str. Required task of the network, for example `"register"`. Defaults to
            any task.

    Returns:
        A `kregzoo.registrars.LoadedNetwork`. Presets that register pairs give a
        registrar: call `registrar.register(moving, fixed)`. The Keras model is
        `registrar.model`. `"auto"` gives an `AutoRegistrar`, without a model.

    Raises:
        ValueError: If the name is unknown, a preset file is damaged, or the preset has
            another task.
        ImportError: If the preset is on the hub and huggingface_hub is not installed.

    Example:
        >>> registrar = load("voxelmorph_brain_t1")
        >>> registrar.model.name
        'voxelmorph'
    """
    if name == AUTO and task in (None, "register"):
        return AutoRegistrar()
    preset = find_preset(name)
    try:
        system, recipe = recipe_of(preset)
        arguments = preset.config["arguments"]
        model = system.builder(preset.input_shape, **arguments)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"The `config.json` of the preset is invalid: {error}. "
            f"Received: {preset.config}"
        ) from error
    if task not in (None, system.task.verb):
        raise ValueError(
            f"`name` must be a preset with the task {task!r}. Received: {name!r}, "
            f"which {system.task.summary}"
        )
    read_weights(model, preset.folder / "model.weights.h5")
    return system.task.make(model, preset, recipe)


def push(folder, address):
    """Upload a preset folder to the Hugging Face Hub, for `load(address)`.

    Args:
        folder: path of a preset folder.
        address: str, `"hf://owner/name"`. The repository is created if it does not
            exist.

    Returns:
        The URL of the commit, a str.

    Raises:
        ValueError: If the folder is not a valid preset, the hub cannot be reached, or
            the user has no write access.
        ImportError: If huggingface_hub is not installed.
    """
    return hub.push(Preset.read(folder).folder, address, FILES)


def list_models(ndim=None, modality=None, task=None):
    """List the presets that come with the package.

    Args:
        ndim: int. Only presets for images of 2 or 3 dimensions.
        modality: str. Only presets for images of this modality, for example `"MR"`.
        task: str. Only presets with this task, for example `"register"`.

    Returns:
        List of `ModelRecord`, by name.

    Example:
        >>> [record.name for record in list_models(ndim=3, modality="CT")]
        ['liao_agent_ct_volumes', 'ma_dueling_ct_volumes', 'ma_dueling_ct_volumes_dqn']
    """
    records = [_record(Preset.read(path)) for path in installed_presets().values()]
    return [
        record
        for record in records
        if ndim in (None, record.ndim)
        and modality in (None, *record.modalities)
        and task in (None, record.task)
    ]


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
        "name", "images", "predicts", "held out", box=SIMPLE, pad_edge=False
    )
    # Users copy names into commands, so names must not wrap.
    rich_table.columns[0].no_wrap = rich_table.columns[-1].no_wrap = True
    for record in records:
        rich_table.add_row(
            record.name,
            f"{record.ndim}-D {record.images}",
            record.predicts,
            headline(record.metrics),
        )
    return rich_table


def _record(preset):
    metadata = preset.metadata
    images = metadata.get("images") or {}
    return ModelRecord(
        name=preset.name,
        system=metadata["system"],
        chapter=metadata["chapter"],
        reference=metadata["reference"],
        task=metadata["task"],
        predicts=metadata["predicts"],
        ndim=preset.preprocessor.ndim,
        modalities=tuple(
            images[role] for role in ("moving", "fixed") if role in images
        ),
        images=images.get("summary") or metadata["data"]["title"],
        data=metadata["data"]["title"],
        licence=metadata["data"]["licence"],
        metrics=metadata["metrics"],
    )
