"""Evaluation protocols: the cases, baselines and metrics for systems.

A system declares its protocols in `kregzoo.training.System`. To evaluate another task,
write a `Protocol` whose cases are a subclass of `Case`.
"""

from kregzoo.protocols.held_out_pairs import HELD_OUT_PAIRS, LabeledPair, read_pairs
from kregzoo.protocols.known_affines import KNOWN_AFFINES, affine_pairs
from kregzoo.protocols.known_deformations import KNOWN_DEFORMATIONS, deformed_pairs
from kregzoo.protocols.pair_cases import GroundTruthPair, PairCase, WrittenTransform
from kregzoo.protocols.protocol import Case, Protocol, rows_of
from kregzoo.protocols.rigid_starts import RIGID_STARTS, rigid_pairs
from kregzoo.protocols.simulated_modality import (
    BODY_SURFACES,
    CONE_BEAM,
    FAR_CONE_BEAM,
    cone_beam_pairs,
    surface_pairs,
)

PROTOCOLS = (
    HELD_OUT_PAIRS,
    KNOWN_AFFINES,
    KNOWN_DEFORMATIONS,
    RIGID_STARTS,
    CONE_BEAM,
    FAR_CONE_BEAM,
    BODY_SURFACES,
)

__all__ = [
    "BODY_SURFACES",
    "CONE_BEAM",
    "FAR_CONE_BEAM",
    "HELD_OUT_PAIRS",
    "KNOWN_AFFINES",
    "KNOWN_DEFORMATIONS",
    "PROTOCOLS",
    "RIGID_STARTS",
    "Case",
    "GroundTruthPair",
    "LabeledPair",
    "PairCase",
    "Protocol",
    "WrittenTransform",
    "affine_pairs",
    "cone_beam_pairs",
    "deformed_pairs",
    "read_pairs",
    "rigid_pairs",
    "rows_of",
    "surface_pairs",
]
