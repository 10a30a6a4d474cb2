"""Keras layers that warp, integrate, resize, compose and compare.

There is no instance normalisation here: `keras.layers.GroupNormalization(groups=-1)`
is one.
"""

from kregzoo.layers.gaussian_sample import GaussianSample
from kregzoo.layers.rescale_transform import RescaleTransform
from kregzoo.layers.spatial_transformer import SpatialTransformer
from kregzoo.layers.vec_int import VecInt

__all__ = ["GaussianSample", "RescaleTransform", "SpatialTransformer", "VecInt"]
