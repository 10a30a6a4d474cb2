"""Tensor functions on `keras.ops`, alike on TensorFlow, JAX and PyTorch."""

from kregzoo.ops.filters import box_sum
from kregzoo.ops.filters import smooth
from kregzoo.ops.gradients import compiled
from kregzoo.ops.gradients import value_and_grad
from kregzoo.ops.warping import compose
from kregzoo.ops.warping import identity_grid
from kregzoo.ops.warping import inside
from kregzoo.ops.warping import integrate
from kregzoo.ops.warping import invert
from kregzoo.ops.warping import sample
from kregzoo.ops.warping import warp
