"""Transform models for iterative registration.

A transform model maps parameters to a displacement on a grid of any shape. All
parameters are in voxels of that grid: a change of any parameter by 1 moves some voxel
by about one voxel. Therefore all parameters have the same scale for an optimizer, and a
finer grid only needs a multiplication of the parameters.
"""

import numpy as np
from keras import ops as kops

from kregzoo import ops


class LinearModel:
    """Base class of `Rigid` and `Affine`: a parameter vector about the grid center.

    Translations are in voxels. Rotations, log-scales and shears are multiplied by half
    of the mean edge length of the grid, so they are displacements of the grid faces in
    voxels.
    """

    matrix = None
    sizes = None

    def initial(self, shape):
        """Make the parameters of the identity, `(1, P)`."""
        return np.zeros((1, self.sizes[len(shape)]), "float32")

    def affine(self, parameters, shape):
        """Compute the matrix `(1, D, D + 1)` in voxels about the grid center."""
        ndim = len(shape)
        lengths = np.full(self.sizes[ndim], np.mean(shape) / 2, "float32")
        lengths[:ndim] = 1.0
        return type(self).matrix(kops.divide(parameters, lengths))

    def displacement(self, parameters, shape):
        """Displacement `(1, *shape, D)`."""
        return ops.affine_to_displacement(self.affine(parameters, shape), shape)

    def resize(self, parameters, old, new):
        """Convert the parameters to a grid of another shape."""
        return parameters * np.float32(np.mean(new) / np.mean(old))


class Rigid(LinearModel):
    """Rigid transform: 3 parameters in 2-D, 6 in 3-D."""

    matrix = staticmethod(ops.rigid_matrix)
    sizes = {2: 3, 3: 6}


class Affine(LinearModel):
    """Affine transform: 6 parameters in 2-D, 12 in 3-D.

    The parameters are translation, rotation, scale and shear.
    """

    matrix = staticmethod(ops.affine_matrix)
    sizes = {2: 6, 3: 12}


class BSpline:
    """Cubic B-spline free-form deformation (Rueckert et al., IEEE TMI 1999).

    Args:
        spacing: float. Distance between control points in voxels of the finest grid.
    """

    def __init__(self, spacing=8.0):
        self.spacing = spacing

    def initial(self, shape):
        """Make zero control points, with a margin of one around the grid."""
        control = [max(1, round(size / self.spacing)) + 3 for size in shape]
        return np.zeros((1, *control, len(shape)), "float32")

    def displacement(self, parameters, shape):
        """Displacement `(1, *shape, D)`."""
        return ops.bspline(parameters, shape)

    def resize(self, parameters, old, new):
        """Convert the control points to voxels of another grid."""
        return parameters * (np.array(new) / np.array(old)).astype("float32")


class Displacement:
    """Dense displacement on a coarser grid, interpolated linearly.

    Args:
        factor: int. Spacing of the coarser grid in voxels. 2 is half resolution.
    """

    def __init__(self, factor=2):
        self.factor = factor

    def initial(self, shape):
        """Make the zero field, `(1, *shape / factor, D)`."""
        return np.zeros((1, *self.coarse(shape), len(shape)), "float32")

    def coarse(self, shape):
        """Compute the shape of the coarser grid."""
        return tuple(max(1, -(-size // self.factor)) for size in shape)

    def displacement(self, parameters, shape):
        """Displacement `(1, *shape, D)`."""
        return ops.resize_field(parameters, shape)

    def parameters(self, field, shape):
        """Convert a field `(1, *any, D)` to parameters for a grid of `shape`."""
        return ops.resize_field(field, self.coarse(shape))

    def resize(self, parameters, old, new):
        """Convert the parameters to another grid."""
        return ops.resize_field(parameters, self.coarse(new))


class Velocity(Displacement):
    """Diffeomorphism: a stationary velocity on a coarser grid, integrated there.

    Args:
        factor: int. Spacing of the coarser grid in voxels.
        steps: int. Squarings of the integration.
    """

    def __init__(self, factor=2, steps=7):
        super().__init__(factor)
        self.steps = steps

    def displacement(self, parameters, shape):
        """Displacement `(1, *shape, D)`."""
        return super().displacement(ops.integrate(parameters, self.steps), shape)
