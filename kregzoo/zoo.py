"""Presets by name: loading, listing and training them."""

import json
import pathlib
import platform
import os

import keras
import numpy as np

from kregzoo.models import SYSTEMS
from kregzoo.registrars.alignment import affine_aligner
from kregzoo.registrars.iterative import CanonicalPair
from kregzoo.registrars.presets import Preset, find_preset, installed_presets
from kregzoo.spatial import Preprocessor
from kregzoo.spatial.files import atomic
from kregzoo.training import PairDataset, fit, load_images, read_dataset


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


def train(system, data, out, scale="cpu", steps=None, seed=0):
    """Train a system's network by its recipe, and write a preset folder.

    Run again with the same `out` it goes on where it was stopped.

    Args:
        system: str, the system's name.
        data: folder with a `dataset.json`, see `kregzoo.training.pairs`.
        out: folder of the preset, which `kregzoo.load(out)` then loads. Checkpoints,
            history and TensorBoard logs lie in its folder `training`.
        scale: `"cpu"` or `"published"`.
        steps: int. Fewer or more optimiser steps than the recipe's.
        seed: int. Seed of the initial weights and of the pairs drawn.

    Returns:
        The `Preset` written.

    Raises:
        ValueError: for an unknown system or scale, or unusable data.
    """
    import dataclasses

    system = find_system(system)
    if scale not in system.recipe.scales:
        raise ValueError(
            f"`scale` must be one of {tuple(system.recipe.scales)}. Received: {scale!r}"
        )
    chosen = system.recipe.scales[scale]
    if steps is not None:
        chosen = dataclasses.replace(chosen, steps=steps)
    keras.utils.set_random_seed(seed)
    directory = pathlib.Path(out) / "training"
    directory.mkdir(parents=True, exist_ok=True)
    dataset = read_dataset(data)
    frame = Preprocessor(chosen.spacing, chosen.shapes)
    pairs, validation = _datasets(
        dataset["train"], frame, system.recipe, seed, directory / "alignment.json"
    )
    model = system.builder((*pairs.grid.shape, 1), **chosen.model)
    model, seconds = fit(model, system.recipe, chosen, pairs, validation, directory)
    preset = Preset(
        name=pathlib.Path(out).name,
        folder=pathlib.Path(out),
        config={"system": system.name, "arguments": chosen.model},
        preprocessor=frame,
        metadata=_metadata(system, dataset, data, scale, chosen.steps, seed, seconds),
    )
    preset.write(model, card(preset))
    return preset


def _datasets(records, frame, recipe, seed, alignment_path):
    images, pairs = load_images(records, frame)
    transforms = _aligned(images, frame, alignment_path)
    grid = frame.canonical_grid(images[0])
    kept = len(images) - recipe.held_out
    train_set = PairDataset(
        images[:kept], transforms[:kept], grid, pairs, recipe.pose, seed=seed
    )
    validation = PairDataset(
        images[kept:], transforms[kept:], grid, steps_per_epoch=2, seed=seed
    )
    return train_set, validation


def _aligned(images, frame, path):
    """Affines from the first image's world to each other one's, kept in a file."""
    known = json.loads(path.read_text()) if path.exists() else {}
    aligner = affine_aligner(frame)
    for image in images:
        if image.name in known:
            continue
        pair = CanonicalPair(frame, image, images[0])
        transform = aligner.to_world(aligner.optimise(**pair.tensors()), pair)
        origin = np.vstack([np.zeros(frame.ndim), np.eye(frame.ndim)])
        moved = transform.apply_points(origin)
        matrix = np.eye(frame.ndim + 1)
        matrix[:-1, :-1] = (moved[1:] - moved[0]).T
        matrix[:-1, -1] = moved[0]
        known[image.name] = matrix.tolist()
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(known))
    return [np.array(known[image.name]) for image in images]


def _metadata(system, dataset, data, scale, steps, seed, seconds):
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
            "command": f"{command} --out OUT --scale {scale} --steps {steps} "
            f"--seed {seed}",
            "scale": scale,
            "steps": steps,
            "seed": seed,
            "minutes": round(seconds / 60, 1),
            "hardware": f"{os.cpu_count()} {platform.machine()} processors",
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
        },
        "figures": {},
    }


def card(preset):
    """Write a preset's card."""
    return preset.name
