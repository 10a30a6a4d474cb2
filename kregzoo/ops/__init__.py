"""Tensor functions on `keras.ops`, equal on TensorFlow, JAX and PyTorch."""

from kregzoo.ops.affine import (
    affine_grid,
    affine_matrix,
    affine_to_displacement,
    compose_affine,
    invert_affine,
    rigid_matrix,
)
from kregzoo.ops.correlation import correlation
from kregzoo.ops.derivatives import jacobian_determinant, spatial_gradient
from kregzoo.ops.device import device_name
from kregzoo.ops.filters import box_sum, smooth
from kregzoo.ops.gradients import compiled, fused, portable, value_and_grad
from kregzoo.ops.histogram import joint_histogram
from kregzoo.ops.moments import local_moments
from kregzoo.ops.sampler import Sampler
from kregzoo.ops.sampling import inside
from kregzoo.ops.separable import (
    apply_along_axes,
    bspline,
    resize,
    resize_field,
)
from kregzoo.ops.warping import (
    compose,
    identity_grid,
    integrate,
    invert,
    sample,
    warp,
)
from kregzoo.ops.weights import voxel_weights
