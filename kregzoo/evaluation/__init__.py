"""Measuring presets on held-out pairs, beside the tools that users have."""

from kregzoo.evaluation.compare import Change, changes_table, compare
from kregzoo.evaluation.methods import (
    STARTS,
    Method,
    baselines,
    preset_methods,
    presets_of,
)
from kregzoo.evaluation.pairs import Pair, measure, read_pairs, structures
from kregzoo.evaluation.plots import draw
from kregzoo.evaluation.results import (
    Table,
    preset_figures,
    summary,
    write_results,
)
from kregzoo.evaluation.rows import read_rows, write_rows
from kregzoo.evaluation.run import evaluate
from kregzoo.evaluation.statistics import Estimate, estimate, paired_difference

__all__ = [
    "STARTS",
    "Change",
    "Estimate",
    "Method",
    "Pair",
    "Table",
    "baselines",
    "changes_table",
    "compare",
    "draw",
    "estimate",
    "evaluate",
    "measure",
    "paired_difference",
    "preset_figures",
    "preset_methods",
    "presets_of",
    "read_pairs",
    "read_rows",
    "structures",
    "summary",
    "write_results",
    "write_rows",
]
