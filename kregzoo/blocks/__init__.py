"""Network parts that several systems share."""

from kregzoo.blocks.inputs import pair_inputs
from kregzoo.blocks.unet import unet

__all__ = ["pair_inputs", "unet"]
