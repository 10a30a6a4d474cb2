"""Baselines that start from the result of a preset, or use the search of a preset."""

import functools

from kregzoo import zoo
from kregzoo.evaluation.baselines import iterative, sitk
from kregzoo.evaluation.baselines.method import Method, make_method, version


def beside(preset, method, templates):
    """Make the baselines of a preset that the network allows.

    Args:
        preset: str. Name or folder of the preset.
        method: the `Method` of one pass of the network.
        templates: names of baselines that contain `{preset}`.

    Returns:
        List of `Method`.

    Raises:
        ValueError: If a name is unknown.
    """
    if unknown := sorted(set(templates) - set(BESIDE)):
        raise ValueError(
            f"`baselines` of a preset must be among {', '.join(BESIDE)}. "
            f"Received: {', '.join(unknown)}"
        )
    found = []
    for template in templates:
        found += BESIDE[template](template.format(preset=method.name), preset, method)
    return found


def _affine_from(name, preset, method):
    """Make affine registration by mutual information from the preset's affine."""
    run = functools.partial(sitk.run, demons=None, start=method)
    description = {
        "package": f"{version('SimpleITK')}, {version('kregzoo')}",
        "parameters": f"demons=None start={method.name}",
    }
    return [Method(name, run, description)]


def _search(similarity, name, preset, method):
    """Make the search of a learned metric with another similarity in its place."""
    network = zoo.load(preset)
    if "search" not in network.capabilities:
        return []
    parameters = {"frame": network.preprocessor, "by": similarity}
    return [make_method("kregzoo", iterative.run_search, name, **parameters)]


BESIDE = {
    "sitk-affine from {preset}": _affine_from,
    "mi by the search of {preset}": functools.partial(_search, "mi"),
    "mind by the search of {preset}": functools.partial(_search, "mind"),
}
