"""Presets as methods."""

import functools
import pathlib

from kregzoo import zoo
from kregzoo.evaluation.baselines.method import INVERSE, Method, version, written
from kregzoo.presets.preset import Preset, find_preset, installed_presets


def presets_of(data, suits=lambda metadata: True):
    """List the installed presets that were trained on a data set.

    Args:
        data: the data folder, whose name counts.
        suits: callable of a preset's metadata that says whether to list it.

    Returns:
        List of names.
    """
    name = pathlib.Path(data).resolve().name
    return [
        preset.name
        for preset in map(Preset.read, installed_presets().values())
        if preset.metadata["data"]["name"] == name and suits(preset.metadata)
    ]


def preset_methods(name, refine, **options):
    """Make the methods of a preset: one pass, and with refinement.

    Args:
        name: the preset's name or folder.
        refine: int. Iterations of the refinement.
        **options: Options of the registrar's `register`.

    Returns:
        Two `Method`, or one if `refine` is 0.
    """
    preset, registrar = find_preset(name), zoo.load(name)
    weights = preset.metadata["sha256"]["model.weights.h5"]
    description = {"package": version("kregzoo"), "weights": weights}
    return [
        Method(
            preset.name + (f" refine={steps}" if steps else ""),
            functools.partial(_run, registrar, refine=steps, **options),
            {**description, "parameters": f"refine={steps}"},
        )
        for steps in ([0, refine] if refine else [0])
    ]


def _run(registrar, moving, fixed, folder, **options):
    result = registrar.register(moving, fixed, progress=False, **options)
    if result.predicted_inverse is not None:
        result.predicted_inverse.save(folder / INVERSE)
    return written(result.warped, result.transform, folder)
