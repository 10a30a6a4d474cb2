"""The affine alignment that a deformable network expects."""

from kregzoo.losses import NCC
from kregzoo.registrars.iterative import IterativeRegistrar
from kregzoo.registrars.optimizers import SciPy
from kregzoo.registrars.transform_models import Affine

# Voxels in mm of the pyramid, and iterations at most: finer ones cost more than they
# gain, since the network makes up for less than a voxel.
LEVELS = ((8.0, 60), (4.0, 40))


def affine_aligner(preprocessor, metric=None):
    """Make the registrar that aligns affinely before a network.

    Args:
        preprocessor: the network's `Preprocessor`.
        metric: a loss of `kregzoo.losses`. Defaults to `NCC()`, for one modality.

    Returns:
        An `IterativeRegistrar` on the network's own grid.
    """
    levels = [(max(1.0, mm / preprocessor.spacing), steps) for mm, steps in LEVELS]
    return IterativeRegistrar(
        metric or NCC(),
        Affine(),
        SciPy("L-BFGS-B"),
        levels=levels,
        preprocessor=preprocessor,
    )
