"""Cards of presets, with the measured metrics."""

import dataclasses
import importlib
import json

from kregzoo.metrics.registry import METRICS, by_priority
from kregzoo.models import SYSTEMS
from kregzoo.presets.preset import find_preset
from kregzoo.spatial.image_features import FEATURES

# The methods that show the effect of a network: the baseline, and one network pass.
START, ONE_PASS = "centers", "one pass"


def record_metrics(name, metrics):
    """Write measured metrics into the metadata and the card of a preset.

    Metrics of other data sets stay. Training a preset again removes all metrics.

    Args:
        name: str. The preset, see `load`.
        metrics: dict of numbers, nested by data set, method and metric, from
            `kregzoo.evaluation.preset_metrics`.
    """
    preset = find_preset(name)
    metrics = {**preset.metadata["metrics"], **metrics}
    metadata = {**preset.metadata, "metrics": metrics}
    preset = dataclasses.replace(preset, metadata=metadata)
    preset.write_metadata(card(preset))


def card(preset):
    """Make the card of a preset from its metadata.

    Args:
        preset: the `Preset`.

    Returns:
        The text of `README.md`.
    """
    metadata = preset.metadata
    data = metadata["data"]
    results = "\n".join(
        f"### {name}\n\n{_table(methods)}"
        for name, methods in metadata["metrics"].items()
    )
    pictures = "".join(f"\n![{path.stem}]({path.name})\n" for path in preset.pictures())
    system = SYSTEMS[metadata["system"]]
    choices = importlib.import_module(system.builder.__module__).__doc__
    return CARD.format(
        name=preset.name,
        system=system.name,
        # JSON strings are YAML strings.
        license_name=json.dumps(data["licence"], ensure_ascii=False),
        usage=_usage(preset.name, system.task),
        inputs=_inputs(preset, system.task),
        limits=_limits(metadata),
        # The module may have no docstring, and `python -OO` removes docstrings.
        about=(choices or system.reference).strip(),
        results=results or "Not measured.\n",
        pictures=pictures,
        training=_training(preset),
        features=_features(metadata.get("features")),
        **{key: data[key] for key in ("title", "source", "licence")},
    )


def _usage(name, task):
    """Make the Python code that loads and uses a preset."""
    variable = "registrar" if task.verb == "register" else "network"
    files = [
        f'["{source.name}_1.nii.gz", "{source.name}_2.nii.gz"]'
        if source.many
        else f'"{source.name}.nii.gz"'
        for source in task.inputs
    ]
    return (
        f'{variable} = kregzoo.load("{name}")\n'
        f"result = {variable}.{task.verb}({', '.join(files)})"
    )


def _inputs(preset, task):
    """Describe the inputs, the output and the size of the network."""
    metadata, ndim = preset.metadata, preset.preprocessor.ndim
    images = metadata["images"] or {}
    lines = [
        f"- `{source.name}`: "
        + ", ".join(
            part
            for part in (source.help, f"{ndim}-D", images.get(source.name, ""))
            if part
        )
        for source in task.inputs
    ]
    lines.append(f"- The network {task.summary}. It predicts: {metadata['predicts']}.")
    lines.append(f"- {metadata['parameters']:,} parameters.")
    if images:
        lines.insert(0, f"For {images['subject']}.")
        if images["preparation"]:
            lines[0] += f" Images must be {images['preparation']}."
        lines.insert(1, "")
    return "\n".join(lines)


def _limits(metadata):
    """Describe the limits of a preset."""
    images = metadata["images"]
    kind = f"of this kind ({images['summary']})" if images else "as described above"
    measured = [
        f"`{name}`" for name in metadata["metrics"] if name != metadata["data"]["name"]
    ]
    lines = [f"For research only. Tested only on images {kind}."]
    if measured:
        lines.append(f"The ground truth is known in: {', '.join(measured)}.")
    if metadata["metrics"]:
        lines.append("Other scanners, ages and diseases were not tested.")
    return " ".join(lines)


def headline(metrics):
    """Summarize the accuracy of a preset: its first metric before and after one pass.

    Args:
        metrics: dict, see `record_metrics`.

    Returns:
        A str. It omits the value before if the alignment of centers was not measured.

    Example:
        >>> methods = {"centers": {"dice": [0.25, 0.2, 0.3]}}
        >>> methods["one pass"] = {"dice": [0.56, 0.55, 0.57]}
        >>> headline({"brain_t1": methods})
        'Dice 0.25 → 0.56'
    """
    names = {name for methods in metrics.values() for name in methods[ONE_PASS]}
    for metric in by_priority(names):
        for methods in metrics.values():
            if metric.name in methods[ONE_PASS]:
                return _from_start(metric, methods)
    return "not measured"


def _from_start(metric, methods):
    digits = 1 if metric.unit else 2
    ends = [methods[m][metric.name][0] for m in (START, ONE_PASS) if m in methods]
    values = " → ".join(f"{value:.{digits}f}" for value in ends)
    return f"{metric.title} {values} {metric.unit}".strip()


def _table(methods):
    """Format the metrics on one data set as a table with one row per method."""
    measured = {name for found in methods.values() for name in found}
    shown = [metric for metric in METRICS.values() if metric.name in measured]
    rows = [
        [method, *(metric.text(found.get(metric.name)) for metric in shown)]
        for method, found in methods.items()
    ]
    return markdown(["method", *(metric.heading for metric in shown)], rows)


def markdown(heads, rows):
    """Format a table of texts as Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _training(preset):
    training = preset.metadata["training"]
    if "command" not in training:
        return f"The network of the preset `{training['initial']}`, fine-tuned."
    return (
        f"`{training['command']}`: the {training['scale']} scale, "
        f"{preset.preprocessor.spacing} mm voxels, {training['minutes']} minutes on "
        f"{training['accelerator']}\nwith the {training['backend']} backend of Keras"
        + (f", {training['records']} records." if "records" in training else ".")
    )


def _features(features):
    """Make the table of the ranges of the training images, empty without them."""
    if not features:
        return ""
    roles = list(features)
    rows = [
        f"| {name} | "
        + " | ".join("{:.3g} to {:.3g}".format(*features[r][name]) for r in roles)
        + " |"
        for name in FEATURES
    ]
    head = f"| training images | {' | '.join(roles)} |\n|---{'|---' * len(roles)}|"
    note = (
        "The extent of the foreground from corner to corner, its share of the box "
        "around\nit, and the quartiles of its intensities, from 0 to 1. A registration "
        "of images\nfar outside of these ranges warns."
    )
    return "\n" + "\n".join([head, *rows]) + f"\n\n{note}\n"


CARD = """\
---
library_name: keras
tags:
- medical-imaging
- image-registration
- {system}
license: other
license_name: {license_name}
---

# {name}

```python
import kregzoo

{usage}
```

## Inputs and outputs

{inputs}

## Network

{about}

## Results on held-out data

Means with 95 % confidence intervals over persons, measured on the raw files and
compared with the alignment of centers and the best other tool. Means over the pairs of
fewer than five persons have no interval. Success is a TRE below 5 mm, or below 2 mm for
affine networks.

{results}{pictures}
## Training

{training}

## Data

{title}. Source: {source}. License: {licence}.
{features}
## Limits

{limits}
"""
