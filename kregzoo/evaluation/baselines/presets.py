"""Presets as methods."""

import dataclasses
import functools
import pathlib

from kregzoo import zoo
from kregzoo.evaluation.baselines.method import Method, version
from kregzoo.presets.preset import Preset, find_preset, installed_presets
from kregzoo.protocols.held_out_pairs import HELD_OUT_PAIRS
from kregzoo.protocols.protocol import save_result


def presets_of(data, suits=lambda metadata: True):
    """List the installed presets that were trained on a data set.

    Args:
        data: the data folder. Only its name is used.
        suits: callable of the metadata of a preset that returns whether to list it.

    Returns:
        List of names.
    """
    name = pathlib.Path(data).resolve().name
    return [
        preset.name
        for preset in map(Preset.read, installed_presets().values())
        if preset.metadata["data"]["name"] == name and suits(preset.metadata)
    ]


def preset_methods(name, refine=0, protocol=HELD_OUT_PAIRS):
    """Make the methods of a preset: one pass, and with refinement.

    Args:
        name: str. Name or folder of the preset.
        refine: int. Iterations of the refinement, if the protocol and the network
            support it; 0 for none.
        protocol: the `Protocol`, which defines the call of the network.

    Returns:
        List of one or two `Method`.
    """
    preset, network = find_preset(name), zoo.load(name)
    weights = preset.metadata["sha256"]["model.weights.h5"]
    description = {"package": version("kregzoo"), "weights": weights}
    options = {preset.name: {}}
    if refine and protocol.refines and "refine" in network.capabilities:
        options[f"{preset.name} refine={refine}"] = {"refine": refine}
    return [
        Method(
            method,
            functools.partial(protocol.ask, network, **chosen),
            {**description, "parameters": f"refine={chosen.get('refine', 0)}"},
            _with_report(protocol, network, chosen),
        )
        for method, chosen in options.items()
    ]


def _with_report(protocol, network, options):
    """Make the call of a network that writes the report, if the protocol does not."""
    if protocol.save is save_result:
        return None
    reporting = dataclasses.replace(protocol, save=save_result)
    return functools.partial(reporting.ask, network, **options)
