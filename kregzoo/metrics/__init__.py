"""Measures of a registration: functions of arrays, and Keras metrics of the same."""

from kregzoo.metrics.jacobian import FoldedPercent, SDLogJ, folded_percent, sd_log_j
from kregzoo.metrics.landmarks import TRE, tre
from kregzoo.metrics.overlap import Dice, dice
from kregzoo.metrics.surface import HD95, hd95

__all__ = [
    "HD95",
    "TRE",
    "Dice",
    "FoldedPercent",
    "SDLogJ",
    "dice",
    "folded_percent",
    "hd95",
    "sd_log_j",
    "tre",
]
