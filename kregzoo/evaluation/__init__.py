"""Evaluation of presets on held-out cases, compared with other tools."""

from kregzoo.evaluation.baselines.method import Method
from kregzoo.evaluation.baselines.presets import preset_methods, presets_of
from kregzoo.evaluation.baselines.registry import baselines, methods_of
from kregzoo.evaluation.compare import Change, changes_table, compare
from kregzoo.evaluation.plots import draw
from kregzoo.evaluation.preset_table import preset_metrics
from kregzoo.evaluation.results import read_tables, write_results
from kregzoo.evaluation.run import evaluate
from kregzoo.evaluation.selection import find_protocol, select
from kregzoo.evaluation.statistics import Estimate, estimate, paired_difference
from kregzoo.evaluation.summary import summary
from kregzoo.evaluation.table import Table, read_persons, read_rows, write_rows

__all__ = [
    "Change",
    "Estimate",
    "Method",
    "Table",
    "baselines",
    "changes_table",
    "compare",
    "draw",
    "estimate",
    "evaluate",
    "find_protocol",
    "methods_of",
    "paired_difference",
    "preset_methods",
    "preset_metrics",
    "presets_of",
    "read_persons",
    "read_rows",
    "read_tables",
    "select",
    "summary",
    "write_results",
    "write_rows",
]
