"""Figures of a registration and the HTML report that gathers them."""

from kregzoo.report.curves import training_curves
from kregzoo.report.figures import KINDS, plot
from kregzoo.report.html import build_report, build_summary

__all__ = ["KINDS", "build_report", "build_summary", "plot", "training_curves"]
