"""Building blocks that several systems share."""

from kregzoo.blocks.affine_head import affine_head
from kregzoo.blocks.control_points import control_points
from kregzoo.blocks.inputs import pair_inputs
from kregzoo.blocks.unet import unet

__all__ = ["affine_head", "control_points", "pair_inputs", "unet"]
