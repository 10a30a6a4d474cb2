"""Figures of a registration and the HTML report that gathers them."""

from kregzoo.report.curves import training_curves
from kregzoo.report.figures import KINDS, draw, plain, plot
from kregzoo.report.html import build_report
from kregzoo.report.scene import Scene

__all__ = [
    "KINDS",
    "Scene",
    "build_report",
    "draw",
    "plain",
    "plot",
    "training_curves",
]
