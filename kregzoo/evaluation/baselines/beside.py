"""Baselines beside a preset: they start from its answer, or share its search."""

import functools

from kregzoo import zoo
from kregzoo.evaluation.baselines import iterative, sitk
from kregzoo.evaluation.baselines.method import Method, make_method, version


def beside(preset, method, templates):
    """Make the baselines beside a preset that its network allows.

    Args:
        preset: the preset's name or folder.
        method: the `Method` of its one pass.
        templates: names of baselines that hold `{preset}`.

    Returns:
        List of `Method`.

    Raises:
        ValueError: If a name is unknown.
    """
    if unknown := sorted(set(templates) - set(BESIDE)):
        raise ValueError(
            f"`baselines` beside a preset must be among {', '.join(BESIDE)}. "
            f"Received: {', '.join(unknown)}"
        )
    found = []
    for template in templates:
        found += BESIDE[template](template.format(preset=method.name), preset, method)
    return found


def _affine_from(name, preset, method):
    """Mutual information from the affine that the preset found."""
    run = functools.partial(sitk.run, demons=None, start=method)
    description = {
        "package": f"{version('SimpleITK')}, {version('kregzoo')}",
        "parameters": f"demons=None start={method.name}",
    }
    return [Method(name, run, description)]


def _search(similarity, name, preset, method):
    """The search of a learned metric, by a similarity in its place."""
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
