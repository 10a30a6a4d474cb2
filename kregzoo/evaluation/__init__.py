"""Evaluate presets on held-out cases, beside other tools."""

from kregzoo.evaluation.baselines.method import Method
from kregzoo.evaluation.baselines.presets import preset_methods, presets_of
from kregzoo.evaluation.baselines.registry import STARTS, affine_methods, baselines
from kregzoo.evaluation.compare import Change, changes_table, compare
from kregzoo.evaluation.pairs import Pair, read_pairs
from kregzoo.evaluation.plots import draw
from kregzoo.evaluation.preset_table import preset_metrics
from kregzoo.evaluation.protocols import TRUTHS, Truth
from kregzoo.evaluation.results import read_tables, write_results
from kregzoo.evaluation.run import evaluate
from kregzoo.evaluation.statistics import Estimate, estimate, paired_difference
from kregzoo.evaluation.summary import summary
from kregzoo.evaluation.synthetic_pairs import (
    GroundTruthPair,
    affine_pairs,
    deformed_pairs,
)
from kregzoo.evaluation.table import Table, read_rows, write_rows

__all__ = [
    "STARTS",
    "TRUTHS",
    "Change",
    "Estimate",
    "GroundTruthPair",
    "Method",
    "Pair",
    "Table",
    "Truth",
    "affine_methods",
    "affine_pairs",
    "baselines",
    "changes_table",
    "compare",
    "deformed_pairs",
    "draw",
    "estimate",
    "evaluate",
    "paired_difference",
    "preset_metrics",
    "preset_methods",
    "presets_of",
    "read_pairs",
    "read_rows",
    "read_tables",
    "summary",
    "write_results",
    "write_rows",
]
