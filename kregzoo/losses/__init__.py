"""Losses: image similarities and regularisers, all lower is better, `(B,)` a call."""

from kregzoo.losses.gradient import Gradient
from kregzoo.losses.kl_divergence import KLDivergence
from kregzoo.losses.lncc import LNCC

__all__ = ["LNCC", "Gradient", "KLDivergence"]
