"""Keras layers that warp, integrate, resize, compose and correlate.

For instance normalization, use `keras.layers.GroupNormalization(groups=-1)`.
"""

from kregzoo.layers.affine_field import AffineField
from kregzoo.layers.affine_matrix import AffineMatrix
from kregzoo.layers.affine_transformer import AffineTransformer
from kregzoo.layers.bspline_field import BSplineField
from kregzoo.layers.bspline_warp import BSplineWarp
from kregzoo.layers.compose_transform import ComposeTransform
from kregzoo.layers.correlation_cost import CorrelationCost
from kregzoo.layers.gaussian_sample import GaussianSample
from kregzoo.layers.gaussian_smoothing import GaussianSmoothing
from kregzoo.layers.gradient_scale import GradientScale
from kregzoo.layers.rescale_transform import RescaleTransform
from kregzoo.layers.rigid_matrix import RigidMatrix
from kregzoo.layers.spatial_transformer import SpatialTransformer
from kregzoo.layers.upsample_conv import UpsampleConv
from kregzoo.layers.vec_int import VecInt

__all__ = [
    "AffineField",
    "AffineMatrix",
    "AffineTransformer",
    "BSplineField",
    "BSplineWarp",
    "ComposeTransform",
    "CorrelationCost",
    "GaussianSample",
    "GaussianSmoothing",
    "GradientScale",
    "RescaleTransform",
    "RigidMatrix",
    "SpatialTransformer",
    "UpsampleConv",
    "VecInt",
]
