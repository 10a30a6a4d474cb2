"""Measuring presets on held-out pairs, beside the tools that users have."""

from kregzoo.evaluation.pairs import (
    METHODS,
    evaluate,
    figures,
    summarise,
    table,
    write_rows,
)

__all__ = ["METHODS", "evaluate", "figures", "summarise", "table", "write_rows"]
