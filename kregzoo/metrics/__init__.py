"""Metrics of a registration: functions of arrays, Keras metrics, and the registry."""

from kregzoo.metrics.jacobian import FoldedPercent, SDLogJ, folded_percent, sd_log_j
from kregzoo.metrics.landmarks import TRE, tre
from kregzoo.metrics.overlap import Dice, dice
from kregzoo.metrics.registry import METRICS, Metric, register_metric
from kregzoo.metrics.surface import HD95, hd95

__all__ = [
    "HD95",
    "METRICS",
    "TRE",
    "Dice",
    "FoldedPercent",
    "Metric",
    "SDLogJ",
    "dice",
    "folded_percent",
    "hd95",
    "register_metric",
    "sd_log_j",
    "tre",
]
