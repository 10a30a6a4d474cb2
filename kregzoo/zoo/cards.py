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
    data, training = metadata["data"], metadata["training"]
    figures = "\n".join(
        f"| {name.replace('_', ' ')} | {value} |"
        for name, value in metadata["figures"].items()
    )
    pictures = "".join(
        f"\n![{path.stem}]({path.name})\n"
        for path in sorted(preset.folder.glob("*.png"))
    )
    choices = importlib.import_module(SYSTEMS[metadata["system"]].builder.__module__)
    return CARD.format(
        name=preset.name,
        about=choices.__doc__.strip(),
        figures=figures or "| not measured | |",
        pictures=pictures,
        command=training["command"],
        spacing=preset.preprocessor.spacing,
        **{key: data[key] for key in ("title", "source", "licence")},
        **{key: training[key] for key in ("scale", "minutes", "hardware", "backend")},
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

`{command}`: the {scale} scale, {spacing} mm voxels, {minutes} minutes on {hardware}
with the {backend} backend of Keras.

## Data

{title}. Source: {source}. Licence: {licence}.

## Limits

Research use. Images must be of the kind that the network was trained on, skull-stripped
where those were; nothing was measured on other scanners, ages or diseases.
"""
