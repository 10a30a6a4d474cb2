"""What a preset says of itself: its card, with the figures that were measured."""

import dataclasses
import importlib

from kregzoo.models import SYSTEMS
from kregzoo.registrars.presets import find_preset


def record_figures(name, figures):
    """Write measured figures into a preset's metadata and card.

    Args:
        name: str, as `load` takes it.
        figures: dict of numbers by name.
    """
    preset = find_preset(name)
    metadata = {**preset.metadata, "figures": figures}
    preset = dataclasses.replace(preset, metadata=metadata)
    preset.describe(card(preset))


def card(preset):
    """Write a preset's card from its metadata.

    Args:
        preset: the `Preset`.

    Returns:
        The text of `README.md`.
    """
    metadata = preset.metadata
    data = metadata["data"]
    figures = "\n".join(
        f"| {name.replace('_', ' ')} | {value} |"
        for name, value in metadata["figures"].items()
    )
    pictures = "".join(f"\n![{path.stem}]({path.name})\n" for path in preset.pictures())
    choices = importlib.import_module(SYSTEMS[metadata["system"]].builder.__module__)
    return CARD.format(
        name=preset.name,
        about=choices.__doc__.strip(),
        figures=figures or "| not measured | |",
        pictures=pictures,
        training=_training(preset),
        **{key: data[key] for key in ("title", "source", "licence")},
    )


def _training(preset):
    training = preset.metadata["training"]
    if "command" not in training:
        return f"The network of the preset `{training['initial']}`, trained further."
    return (
        f"`{training['command']}`: the {training['scale']} scale, "
        f"{preset.preprocessor.spacing} mm voxels, {training['minutes']} minutes on "
        f"{training['hardware']}\nwith the {training['backend']} backend of Keras."
    )


CARD = """\
# {name}

```python
import kregzoo

registrar = kregzoo.load("{name}")
result = registrar.register("moving.nii.gz", "fixed.nii.gz")
```

{about}

## Figures on held-out pairs

| figure | value |
|---|---|
{figures}
{pictures}
## Training

{training}

## Data

{title}. Source: {source}. Licence: {licence}.

## Limits

Research use. Images must be of the kind that the network was trained on, skull-stripped
where those were; nothing was measured on other scanners, ages or diseases.
"""
