"""Selection of presets by the protocols that their systems declare."""

import dataclasses

import pytest

from kregzoo.evaluation import find_protocol, select, selection
from kregzoo.protocols import HELD_OUT_PAIRS, KNOWN_AFFINES, RIGID_STARTS, Protocol

OWN = Protocol("own", list, "cases of a system of its own")


@dataclasses.dataclass
class Declaring:
    protocols: tuple = ()


DECLARED = {
    "plain": Declaring(),
    "affine": Declaring((HELD_OUT_PAIRS, KNOWN_AFFINES)),
    "rigid": Declaring((RIGID_STARTS,)),
    "special": Declaring((OWN,)),
}


@pytest.fixture(autouse=True)
def systems(monkeypatch):
    monkeypatch.setattr(selection, "SYSTEMS", DECLARED)
    monkeypatch.setattr(
        selection,
        "_declared_by_preset",
        lambda name: selection.declared_by(DECLARED[name]),
    )


def trained_on_the_data(monkeypatch, *names):
    monkeypatch.setattr(selection, "presets_of", lambda data: list(names))


@pytest.mark.parametrize(
    ("trained", "asked", "protocol", "presets"),
    [
        ((), None, HELD_OUT_PAIRS, []),
        (("affine", "plain", "rigid"), None, HELD_OUT_PAIRS, ["affine", "plain"]),
        (("affine", "plain", "rigid"), "affines", KNOWN_AFFINES, ["affine"]),
        (("rigid", "special"), None, RIGID_STARTS, ["rigid"]),
        (("rigid", "special"), "own", OWN, ["special"]),
    ],
)
def test_presets_of_the_data_are_measured_if_they_declare_the_protocol(
    trained, asked, protocol, presets, monkeypatch
):
    trained_on_the_data(monkeypatch, *trained)
    assert select("data", protocol=asked) == (protocol, presets)


def test_named_presets_are_measured_by_any_protocol(monkeypatch):
    trained_on_the_data(monkeypatch, "plain")
    assert select("data", ["rigid"]) == (RIGID_STARTS, ["rigid"])
    assert select("data", ["rigid"], "pairs") == (HELD_OUT_PAIRS, ["rigid"])


def test_protocols_are_found_by_name():
    assert find_protocol("own") is OWN and find_protocol("affines") is KNOWN_AFFINES
    with pytest.raises(ValueError, match="one of affines, .*own.*Received: 'x'"):
        find_protocol("x")
