"""Tensor functions on `keras.ops`, alike on TensorFlow, JAX and PyTorch."""

from kregzoo.ops.affine import affine_grid
from kregzoo.ops.affine import affine_matrix
from kregzoo.ops.affine import affine_to_displacement
from kregzoo.ops.affine import compose_affine
from kregzoo.ops.affine import invert_affine
from kregzoo.ops.affine import rigid_matrix
from kregzoo.ops.filters import box_sum
from kregzoo.ops.filters import smooth
from kregzoo.ops.gradients import compiled
from kregzoo.ops.gradients import value_and_grad
from kregzoo.ops.separable import apply_along_axes
from kregzoo.ops.separable import bspline
from kregzoo.ops.separable import bspline_adjoint
from kregzoo.ops.separable import resize
from kregzoo.ops.separable import resize_field
from kregzoo.ops.warping import compose
from kregzoo.ops.warping import identity_grid
from kregzoo.ops.warping import inside
from kregzoo.ops.warping import integrate
from kregzoo.ops.warping import invert
from kregzoo.ops.warping import sample
from kregzoo.ops.warping import warp
