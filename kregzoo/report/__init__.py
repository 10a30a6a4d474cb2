"""Figures of a registration, and the HTML report that contains them."""

from kregzoo.report.curves import training_curves
from kregzoo.report.figures import KINDS, draw, plain, plot
from kregzoo.report.html import build_report, build_summary
from kregzoo.report.scene import Scene

__all__ = [
    "KINDS",
    "Scene",
    "build_report",
    "build_summary",
    "draw",
    "plain",
    "plot",
    "training_curves",
]
