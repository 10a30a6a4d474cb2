"""Network parts that several systems share."""

from kregzoo.blocks.control_points import control_points
from kregzoo.blocks.inputs import pair_inputs
from kregzoo.blocks.unet import unet

__all__ = ["control_points", "pair_inputs", "unet"]
