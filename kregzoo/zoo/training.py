"""Training a system's network by its recipe, to a preset folder."""

import dataclasses
import importlib.util
import json
import os
import pathlib
import platform

import keras
import numpy as np

from kregzoo.presets.preset import Preset, find_preset, sha256
from kregzoo.registrars.alignment import affine_aligner, align, align_labels
from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.report import training_curves
from kregzoo.spatial import AffineTransform, Preprocessor
from kregzoo.training import (
    PairDataset,
    SyntheticPairs,
    fit,
    load_images,
    read_dataset,
    transfer_weights,
)
from kregzoo.utils.files import atomic
from kregzoo.zoo.cards import card
from kregzoo.zoo.loading import load
from kregzoo.zoo.systems import find_recipe, find_system

# What a folder's training is of, in a file of its own.
RUN = "run.json"


def train(
    system, data, out, scale="cpu", steps=None, seed=0, recipe=None, initial=None
):
    """Train a system's network by a recipe of its, and write a preset folder.

    Run again with the same `out` it goes on where it was stopped, or to more steps.

    Args:
        system: str, the system's name.
        data: folder with a `dataset.json`, see `kregzoo.training.pairs`.
        out: folder of the preset, which `kregzoo.load(out)` then loads. Checkpoints,
            history and TensorBoard logs lie in its folder `training`.
        scale: `"cpu"` or `"published"`.
        steps: int > 0. Fewer or more optimiser steps than the recipe's.
        seed: int. Seed of the initial weights and of the pairs drawn.
        recipe: str. The data set whose recipe to train by. Defaults to the name of the
            data folder if the system has a recipe for it, and to its first one else.
        initial: str. The preset whose weights to start from, wherever layers have the
            same name and shapes. Defaults to the recipe's.

    Returns:
        The `Preset` written.

    Raises:
        ValueError: for an unknown system, scale, recipe or preset, no steps, unusable
            data, or an `out` that holds another run's training.
    """
    if steps is not None and steps < 1:
        raise ValueError(f"`steps` must be at least 1. Received: steps={steps}")
    system = find_system(system)
    tag, recipe = find_recipe(system, data, recipe)
    recipe = dataclasses.replace(recipe, initial=initial or recipe.initial)
    if recipe.initial:
        # An unknown one is refused before anything is read and aligned.
        find_preset(recipe.initial)
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
    run = {
        "system": system.name,
        "recipe": tag,
        "data": sha256(pathlib.Path(data) / "dataset.json"),
        "scale": scale,
        "steps": chosen.steps,
        "seed": seed,
        "initial": recipe.initial and str(recipe.initial),
    }
    _check_run(directory / RUN, run)
    frame = Preprocessor(chosen.spacing, chosen.shapes, chosen.divisor)
    pairs, validation = _datasets(
        dataset.get("train", []),
        frame,
        recipe,
        chosen.batch_size,
        seed,
        directory / "alignment.json",
    )
    directory.mkdir(parents=True, exist_ok=True)
    with atomic(directory / RUN) as temporary:
        temporary.write_text(json.dumps(run, indent=1), encoding="utf-8")
    model, arguments, seconds = _fitted(
        system, recipe, chosen, pairs, validation, directory
    )
    preset = Preset(
        name=pathlib.Path(out).name,
        folder=pathlib.Path(out),
        config={"system": system.name, "recipe": tag, "arguments": arguments},
        preprocessor=frame,
        metadata=_metadata(
            system, tag, recipe, dataset, data, scale, chosen, seed, seconds
        ),
    )
    # What took hours comes first: no fault of curves or card may lose it.
    preset.write(model)
    draw_curves(directory, preset.folder)
    preset.describe(card(preset))
    return preset


def _check_run(path, run):
    """Raise if a folder holds what another run trained, which would pass for this."""
    if not path.exists():
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    other = [name for name in run if run[name] != before.get(name)]
    # Of the same run more steps may be asked for, but not fewer than were made.
    if other == ["steps"] and run["steps"] > before["steps"]:
        return
    if other:
        there, now = (
            ", ".join(f"{k}={r.get(k)}" for k in other) for r in (before, run)
        )
        raise ValueError(
            "`out` holds a training of another run: train into another folder, or "
            f"delete it. Received: {now}, where there was {there}"
        )


def draw_curves(directory, folder):
    """Draw a training's history to `training.png`, where there is matplotlib.

    Args:
        directory: folder of the training, whose stages have folders of their own.
        folder: folder of the preset, whose card shows it.
    """
    paths = sorted(pathlib.Path(directory).glob("**/history.json"))
    if not paths or importlib.util.find_spec("matplotlib") is None:
        return
    figure = training_curves(
        [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    )
    with atomic(pathlib.Path(folder) / "training.png") as temporary:
        figure.savefig(temporary, dpi=60)


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
        elif recipe.initial and not transfer_weights(load(recipe.initial).model, model):
            raise ValueError(
                "`initial` must be a preset that shares layers with the network. "
                f"Received: initial={recipe.initial!r}"
            )
        folder = directory / f"stage_{number}" if scale.stages else directory
        model, seconds = fit(model, recipe, scale, pairs, validation, folder)
        total += seconds
    return model, arguments, total


def training_pairs(registrar, data, batch_size=1, seed=0):
    """Draw pairs of one's own scans for `registrar.model.fit`.

    As the registrar's recipe does: read, normalised, aligned and posed, with labels if
    it learns from them.

    Args:
        registrar: what `kregzoo.load` gave.
        data: folder with a `dataset.json`, see `kregzoo.training.pairs`.
        batch_size: int. Pairs a step.
        seed: int. Seed of what is drawn.

    Returns:
        The `PairDataset` of the `train` records, and the one to validate on, of the
        last few of them.

    Raises:
        ValueError: for a registrar without a preset, or unusable data.

    Example:
        ```python
        registrar = kregzoo.load("voxelmorph_brain_t1")
        pairs, held_out = zoo.training_pairs(registrar, "my_scans")
        registrar.model.compile("adam", loss={"warped": "mse"})
        registrar.model.fit(pairs, validation_data=held_out, epochs=5)
        ```
    """
    if registrar.preset is None:
        raise ValueError(
            "Only a registrar that was loaded has a recipe that says how pairs are "
            f"drawn. Received: {registrar!r}"
        )
    config = registrar.preset.config
    name = registrar.metadata.get("data", {}).get("name", "")
    _, recipe = find_recipe(find_system(config["system"]), name, config.get("recipe"))
    records = read_dataset(data).get("train", [])
    return _datasets(records, registrar.preprocessor, recipe, batch_size, seed)


def _datasets(records, frame, recipe, batch_size, seed, alignment=None):
    """What to train and to validate on; `alignment` is a file to keep affines in."""
    if len(records) < recipe.held_out + 2:
        raise ValueError(
            f"`data` must have {recipe.held_out + 2} or more records to train on. "
            f"Received: {len(records)}"
        )
    images, labels, pairs = load_images(records, frame)
    if recipe.views or recipe.game:
        kept = len(images) - recipe.held_out
        parts = images[:kept], images[kept:]
        if recipe.game:
            return recipe.game(parts[0]), None
        return tuple(recipe.views(part, batch_size, seed) for part in parts)
    each = len(images) // len(records)
    if recipe.aligned_by_labels and labels is None:
        raise ValueError(
            "`data` must have labels of all images, which align them. "
            "Received: records without"
        )
    transforms = _transforms(images, labels, pairs, frame, recipe, each, alignment)
    if "warped_labels" not in recipe.loss_weights:
        labels = None
    grid = frame.canonical_grid(images[0])
    kept = each * (len(records) - recipe.held_out)
    if recipe.synthesis:
        on_grid = _on_grid(images, transforms, grid)
        return tuple(
            SyntheticPairs(
                recipe.synthesis(part), batch_size, steps, seed, grid, recipe.pose
            )
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


def _transforms(images, labels, pairs, frame, recipe, each, path):
    """Affines from the first image's world to each other one's, kept in a file if any.

    Of single images each is aligned with the first one. Of pairs the moving one is
    aligned with the fixed one, which is only centred on the first image. Where an
    affine is what there is to find, and of contrasts, all images of a person, `each` in
    number, share the transform of the first one: they must stay aligned to each other,
    unless labels tell how.
    """
    known = {}
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            known = json.loads(path.read_text(encoding="utf-8"))
    aligner = affine_aligner(frame)
    # Contrasts are pairs both ways.
    contrasts = bool(pairs) and pairs[0][::-1] in pairs
    share = contrasts or (recipe.affine_target and not recipe.aligned_by_labels)
    to_fixed = {} if share else dict(pairs or [])

    def found(number):
        if share:
            number -= number % each
        # Files of different folders may have one name, so the number counts too.
        key = f"{number} {images[number].name}"
        if key not in known:
            other = to_fixed.get(number, 0)
            pair = CanonicalPair(frame, images[number], images[other])
            if number in to_fixed and recipe.aligned_by_labels:
                pair.initial = align_labels(labels[number], labels[other])
            elif number in to_fixed or not to_fixed:
                align(pair, recipe.alignment, aligner)
            matrix = pair.initial.matrix
            if number in to_fixed:
                matrix = matrix @ found(other)
            known[key] = matrix.tolist()
            if path is not None:
                with atomic(path) as temporary:
                    temporary.write_text(json.dumps(known))
        return np.array(known[key])

    return [found(number) for number in range(len(images))]


def _metadata(system, tag, recipe, dataset, data, name, scale, seed, seconds):
    """What the preset says of itself; `name` is the scale's."""
    command = f"kregzoo train {system.name} --data {pathlib.Path(data).name}"
    # Of a folder the name alone: where it lies is nobody else's business.
    initial = recipe.initial and pathlib.PurePath(recipe.initial).name
    if recipe.initial != system.recipes[tag].initial:
        command += f" --initial {initial}"
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
            "initial": initial,
            "minutes": round(seconds / 60, 1),
            "hardware": f"{os.cpu_count()} {platform.machine()} processors",
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
        },
        "figures": {},
    }
