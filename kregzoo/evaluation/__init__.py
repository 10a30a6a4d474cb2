"""Measuring presets on held-out pairs, beside the tools that users have."""

from kregzoo.evaluation.pairs import METHODS, evaluate, summarise

__all__ = ["METHODS", "evaluate", "summarise"]
