"""Transform models that an iterative registration optimises.

Each maps parameters to a displacement on a grid of any shape. All parameters are in
voxels of that grid: a unit of any of them moves some voxel by about one, which gives
optimisers one scale, and makes going to a finer grid a matter of multiplying.
"""

import numpy as np
from keras import ops as kops

from kregzoo import ops


class LinearModel:
    """Shared by `Rigid` and `Affine`: a vector of parameters about the grid's centre.

    Translations are in voxels; rotations, log-scales and shears are multiplied by half
    the mean edge of the grid, so that they are the voxels by which its faces move.
    """

    matrix = None
    sizes = None

    def initial(self, shape):
        """Parameters of the identity, `(1, P)`."""
        return np.zeros((1, self.sizes[len(shape)]), "float32")

    def affine(self, parameters, shape):
        """Matrix `(1, D, D + 1)` in voxels about the grid's centre."""
        ndim = len(shape)
        lengths = np.full(self.sizes[ndim], np.mean(shape) / 2, "float32")
        lengths[:ndim] = 1.0
        return type(self).matrix(kops.divide(parameters, lengths))

    def displacement(self, parameters, shape):
        """Displacement `(1, *shape, D)`."""
        return ops.affine_to_displacement(self.affine(parameters, shape), shape)

    def resize(self, parameters, old, new):
        """The same transform's parameters on a grid of another shape."""
        return parameters * np.float32(np.mean(new) / np.mean(old))


class Rigid(LinearModel):
    """Translation and rotation: 3 parameters in 2-D, 6 in 3-D."""

    matrix = staticmethod(ops.rigid_matrix)
    sizes = {2: 3, 3: 6}


class Affine(LinearModel):
    """Translation, rotation, scale and shear: 6 parameters in 2-D, 12 in 3-D."""

    matrix = staticmethod(ops.affine_matrix)
    sizes = {2: 6, 3: 12}


class BSpline:
    """Cubic B-spline free-form deformation (Rueckert et al., IEEE TMI 1999).

    Args:
        spacing: float. Distance of control points in voxels of the finest grid.
    """

    def __init__(self, spacing=8.0):
        self.spacing = spacing

    def initial(self, shape):
        """Zero control points, with a margin of one around the grid."""
        control = [max(1, round(size / self.spacing)) + 3 for size in shape]
        return np.zeros((1, *control, len(shape)), "float32")

    def displacement(self, parameters, shape):
        """Displacement `(1, *shape, D)`."""
        return ops.bspline(parameters, shape)

    def resize(self, parameters, old, new):
        """The same control points, in voxels of the other grid."""
        return parameters * (np.array(new) / np.array(old)).astype("float32")


class Displacement:
    """Dense displacement on a grid coarser by `factor`, interpolated linearly.

    Args:
        factor: int. Grid voxels between the vectors; 2 is half resolution.
    """

    def __init__(self, factor=2):
        self.factor = factor

    def initial(self, shape):
        """The zero field, `(1, *shape / factor, D)`."""
        return np.zeros((1, *self.coarse(shape), len(shape)), "float32")

    def coarse(self, shape):
        """Shape of the parameters' own grid."""
        return tuple(max(1, -(-size // self.factor)) for size in shape)

    def displacement(self, parameters, shape):
        """Displacement `(1, *shape, D)`."""
        return ops.resize_field(parameters, shape)

    def parameters(self, field, shape):
        """Parameters, on a grid of `shape`, of a network's field `(1, *any, D)`."""
        return ops.resize_field(field, self.coarse(shape))

    def resize(self, parameters, old, new):
        """The field's parameters on another grid."""
        return ops.resize_field(parameters, self.coarse(new))


class Velocity(Displacement):
    """Stationary velocity on a coarser grid, integrated there: a diffeomorphism.

    Args:
        factor: int. Grid voxels between the vectors.
        steps: int. Squarings of the integration.
    """

    def __init__(self, factor=2, steps=7):
        super().__init__(factor)
        self.steps = steps

    def displacement(self, parameters, shape):
        """Displacement `(1, *shape, D)`."""
        return super().displacement(ops.integrate(parameters, self.steps), shape)
