"""Selection of the protocol and the presets of an evaluation."""

from kregzoo import zoo
from kregzoo.evaluation.baselines.presets import presets_of
from kregzoo.models import SYSTEMS
from kregzoo.presets.preset import find_preset
from kregzoo.protocols import HELD_OUT_PAIRS, PROTOCOLS


def find_protocol(name):
    """Find a protocol by its name.

    Args:
        name: str. Name of a protocol of kregzoo or of a system.

    Returns:
        The `Protocol`.

    Raises:
        ValueError: If there is no protocol of this name.
    """
    declared = [p for system in SYSTEMS.values() for p in declared_by(system)]
    known = {protocol.name: protocol for protocol in (*declared, *PROTOCOLS)}
    if name not in known:
        raise ValueError(
            f"`protocol` must be one of {', '.join(sorted(known))}. Received: {name!r}"
        )
    return known[name]


def declared_by(system):
    """Return the protocols of a system, which default to held-out pairs."""
    return system.protocols or (HELD_OUT_PAIRS,)


def select(data, presets=(), protocol=None):
    """Select the protocol and the presets to evaluate on a data folder.

    Args:
        data: the folder.
        presets: names or folders of presets. Defaults to the installed presets that
            were trained on the data and whose system declares the protocol.
        protocol: str. Name of the protocol. Defaults to held-out pairs, or to the first
            protocol of the first preset if no preset declares held-out pairs.

    Returns:
        The `Protocol` and a list of names or folders of presets.

    Raises:
        ValueError: If a name is unknown.
    """
    candidates = list(presets or presets_of(data))
    declared = {name: _declared_by_preset(name) for name in candidates}
    if protocol is None:
        chosen = _default(list(declared.values()))
    else:
        chosen = find_protocol(protocol)
    if not presets:
        candidates = [
            name for name in candidates if chosen.name in _names(declared[name])
        ]
    return chosen, candidates


def _default(declared):
    """Return held-out pairs, or the first protocol if no preset declares them."""
    if declared and not any(HELD_OUT_PAIRS.name in _names(one) for one in declared):
        return declared[0][0]
    return HELD_OUT_PAIRS


def _declared_by_preset(name):
    return declared_by(zoo.find_system(find_preset(name).metadata["system"]))


def _names(protocols):
    return {protocol.name for protocol in protocols}
