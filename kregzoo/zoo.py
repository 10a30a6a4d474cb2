"""Presets by name: loading, listing and training them."""

import dataclasses
import importlib
import json
import os
import pathlib
import platform

import keras
import numpy as np

from kregzoo.models import SYSTEMS
from kregzoo.registrars.alignment import affine_aligner, align
from kregzoo.registrars.iterative import CanonicalPair
from kregzoo.registrars.one_step import OneStepRegistrar
from kregzoo.registrars.presets import Preset, find_preset, installed_presets
from kregzoo.spatial import AffineTransform, Preprocessor
from kregzoo.spatial.files import atomic
from kregzoo.training import (
    PairDataset,
    SyntheticPairs,
    fit,
    load_images,
    read_dataset,
    transfer_weights,
)


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
        figures: dict of measured figures on held-out pairs.
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
        name: str. A preset of `list_models`, or the path of a preset folder.

    Returns:
        A registrar: `registrar.register(moving, fixed)`; its Keras model is
        `registrar.model`.

    Raises:
        ValueError: for an unknown name, or a preset whose files are damaged.

    Example:
        >>> registrar = load("voxelmorph_brain_t1")
        >>> registrar.model.name
        'voxelmorph'
    """
    preset = find_preset(name)
    system = find_system(preset.config["system"])
    frame = preset.preprocessor
    shape = (None,) * frame.ndim if frame.divisor else frame.shapes[-1]
    model = system.builder((*shape, 1), **preset.config["arguments"])
    model.load_weights(preset.folder / "model.weights.h5")
    data = preset.metadata.get("data", {}).get("name", "")
    _, recipe = _find_recipe(system, data, preset.config.get("recipe"))
    make_registrar = system.registrar or OneStepRegistrar
    return make_registrar(
        model,
        frame,
        metric=recipe.losses()["warped"],
        alignment=recipe.alignment,
        metadata={"name": preset.name, **preset.metadata},
    )


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
    from rich.table import Table

    columns = ("name", "chapter", "transform", "ndim", "data", "licence", "figures")
    rich_table = Table(*columns)
    # The name is what one copies into the next command.
    rich_table.columns[0].no_wrap = True
    for record in records:
        values = dataclasses.asdict(record)
        # Accuracy alone; the card has the rest, and the intervals.
        values["figures"] = "\n".join(
            f"{key}: {value}"
            for key, value in record.figures.items()
            if key.startswith(("dice", "tre")) and not isinstance(value, list)
        )
        rich_table.add_row(*(str(values[column]) for column in columns))
    return rich_table


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


def train(system, data, out, scale="cpu", steps=None, seed=0, recipe=None):
    """Train a system's network by a recipe of its, and write a preset folder.

    Run again with the same `out` it goes on where it was stopped.

    Args:
        system: str, the system's name.
        data: folder with a `dataset.json`, see `kregzoo.training.pairs`.
        out: folder of the preset, which `kregzoo.load(out)` then loads. Checkpoints,
            history and TensorBoard logs lie in its folder `training`.
        scale: `"cpu"` or `"published"`.
        steps: int. Fewer or more optimiser steps than the recipe's.
        seed: int. Seed of the initial weights and of the pairs drawn.
        recipe: str. The data set whose recipe to train by. Defaults to the name of the
            data folder if the system has a recipe for it, and to its first one else.

    Returns:
        The `Preset` written.

    Raises:
        ValueError: for an unknown system, scale or recipe, or unusable data.
    """
    system = find_system(system)
    tag, recipe = _find_recipe(system, data, recipe)
    if scale not in recipe.scales:
        raise ValueError(
            f"`scale` must be one of {tuple(recipe.scales)}. Received: {scale!r}"
        )
    chosen = recipe.scales[scale]
    if steps is not None:
        chosen = dataclasses.replace(chosen, steps=steps)
    keras.utils.set_random_seed(seed)
    dataset = read_dataset(data)
    directory = pathlib.Path(out) / "training"
    frame = Preprocessor(chosen.spacing, chosen.shapes, chosen.divisor)
    pairs, validation = _datasets(
        dataset.get("train", []), frame, recipe, chosen.batch_size, seed, directory
    )
    model, arguments, seconds = _fitted(
        system, recipe, chosen, pairs, validation, directory
    )
    preset = Preset(
        name=pathlib.Path(out).name,
        folder=pathlib.Path(out),
        config={"system": system.name, "recipe": tag, "arguments": arguments},
        preprocessor=frame,
        metadata=_metadata(system, tag, dataset, data, scale, chosen, seed, seconds),
    )
    preset.write(model, card(preset))
    return preset


def _find_recipe(system, data, name):
    """A recipe's name and the recipe."""
    if name is None:
        name = pathlib.Path(data).resolve().name
        name = name if name in system.recipes else next(iter(system.recipes))
    if name not in system.recipes:
        raise ValueError(
            f"`recipe` must be one of {', '.join(system.recipes)}. Received: {name!r}"
        )
    return name, system.recipes[name]


def _fitted(system, recipe, scale, pairs, validation, directory):
    """Train all stages; the model, its builder's arguments, and the seconds taken."""
    model, total = None, 0.0
    for number, changes in enumerate(scale.stages or ({},), start=1):
        arguments = {**scale.model, **changes}
        before = model
        model = system.builder((*pairs.grid.shape, 1), **arguments)
        if before is not None:
            for name in transfer_weights(before, model):
                model.get_layer(name).trainable = False
        elif recipe.initial:
            transfer_weights(load(recipe.initial).model, model)
        folder = directory / f"stage_{number}" if scale.stages else directory
        model, seconds = fit(model, recipe, scale, pairs, validation, folder)
        total += seconds
    return model, arguments, total


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


def _datasets(records, frame, recipe, batch_size, seed, directory):
    if len(records) < recipe.held_out + 2:
        raise ValueError(
            f"`data` must have {recipe.held_out + 2} or more records to train on. "
            f"Received: {len(records)}"
        )
    images, labels, pairs = load_images(records, frame)
    directory.mkdir(parents=True, exist_ok=True)
    if "warped_labels" not in recipe.loss_weights:
        labels = None
    each = len(images) // len(records)
    transforms = _transforms(
        images, pairs, frame, recipe, each, directory / "alignment.json"
    )
    grid = frame.canonical_grid(images[0])
    kept = each * (len(records) - recipe.held_out)
    if recipe.synthesis:
        on_grid = _on_grid(images, transforms, grid)
        return tuple(
            SyntheticPairs(recipe.synthesis(part), batch_size, steps, seed, grid=grid)
            for part, steps in ((on_grid[:kept], 1), (on_grid[kept:], 4))
        )
    # Pairs of one record stay together; of single images any two are a pair.
    held = len(pairs or []) // len(records) * recipe.held_out
    train_pairs = pairs and pairs[:-held]
    held_pairs = pairs and pairs[:held]
    if pairs and recipe.exchange:
        train_pairs = train_pairs + [pair[::-1] for pair in train_pairs]
    train_set = PairDataset(
        images[:kept],
        transforms[:kept],
        grid,
        train_pairs,
        recipe.pose,
        labels=labels and labels[:kept],
        moving_pose=recipe.moving_pose,
        affine_target=recipe.affine_target,
        batch_size=batch_size,
        seed=seed,
    )
    validation = PairDataset(
        images[kept:],
        transforms[kept:],
        grid,
        held_pairs,
        labels=labels and labels[kept:],
        # Without it there would be no affine to find.
        moving_pose=recipe.moving_pose if recipe.affine_target else None,
        affine_target=recipe.affine_target,
        batch_size=batch_size,
        steps_per_epoch=2,
        seed=seed,
    )
    return train_set, validation


def _on_grid(images, transforms, grid):
    """Images in the common world, `(N, *spatial, 1)`."""
    resampled = [
        image.resample(grid, AffineTransform(matrix)).array
        for image, matrix in zip(images, transforms, strict=True)
    ]
    return np.stack(resampled)[..., None]


def _transforms(images, pairs, frame, recipe, each, path):
    """Affines from the first image's world to each other one's, kept in a file.

    Of single images each is aligned with the first one. Of pairs the moving one is
    aligned with the fixed one, which is only centred on the first image. Where an
    affine is what there is to find, all images of a person, `each` in number, share
    the transform of the first one: they must stay aligned to each other.
    """
    known = json.loads(path.read_text()) if path.exists() else {}
    aligner = affine_aligner(frame)
    to_fixed = {} if recipe.affine_target else dict(pairs or [])

    def found(number):
        if recipe.affine_target:
            number -= number % each
        # Files of different folders may have one name, so the number counts too.
        key = f"{number} {images[number].name}"
        if key not in known:
            other = to_fixed.get(number, 0)
            pair = CanonicalPair(frame, images[number], images[other])
            if number in to_fixed or not to_fixed:
                align(pair, recipe.alignment, aligner)
            matrix = pair.initial.matrix
            if number in to_fixed:
                matrix = matrix @ found(other)
            known[key] = matrix.tolist()
            with atomic(path) as temporary:
                temporary.write_text(json.dumps(known))
        return np.array(known[key])

    return [found(number) for number in range(len(images))]


def _metadata(system, tag, dataset, data, name, scale, seed, seconds):
    """What the preset says of itself; `name` is the scale's."""
    command = f"kregzoo train {system.name} --data {pathlib.Path(data).name}"
    return {
        "system": system.name,
        "chapter": system.chapter,
        "reference": system.reference,
        "transform": system.transform,
        "data": {
            "name": pathlib.Path(data).resolve().name,
            **{key: dataset.get(key) for key in ("title", "source", "licence")},
        },
        "training": {
            "command": f"{command} --out OUT --scale {name} --steps {scale.steps} "
            f"--seed {seed} --recipe {tag}",
            "scale": name,
            "steps": scale.steps,
            "seed": seed,
            "initial": system.recipes[tag].initial,
            "minutes": round(seconds / 60, 1),
            "hardware": f"{os.cpu_count()} {platform.machine()} processors",
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
        },
        "figures": {},
    }


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
    choices = importlib.import_module(SYSTEMS[metadata["system"]].builder.__module__)
    return CARD.format(
        name=preset.name,
        about=choices.__doc__.strip(),
        figures=figures or "| not measured | |",
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

## Training

`{command}`: the {scale} scale, {spacing} mm voxels, {minutes} minutes on {hardware}
with the {backend} backend of Keras.

## Data

{title}. Source: {source}. Licence: {licence}.

## Limits

Research use. Images must be of the kind that the network was trained on, skull-stripped
where those were; nothing was measured on other scanners, ages or diseases.
"""
