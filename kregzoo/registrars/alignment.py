"""What brings a pair together before a network sees it."""

import numpy as np

from kregzoo.losses import LNCC, NCC, BendingEnergy
from kregzoo.registrars.iterative import IterativeRegistrar
from kregzoo.registrars.optimizers import SciPy
from kregzoo.registrars.transform_models import Affine, BSpline
from kregzoo.spatial import AffineTransform

ALIGNMENTS = ("affine", "centres", "none")

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


def bspline_registrar(preprocessor=None):
    """Make the deformable registrar that asks for no training.

    Args:
        preprocessor: the `Preprocessor` of the canonical grid, in whose voxels the
            control points are 8 apart.

    Returns:
        An `IterativeRegistrar`, to begin from an affine alignment.
    """
    return IterativeRegistrar(
        LNCC(),
        BSpline(8.0),
        levels=((4, 40), (2, 40), (1, 20)),
        regularisers=((BendingEnergy(), 1.0),),
        preprocessor=preprocessor,
    )


def align(pair, alignment, aligner, progress=False):
    """Bring a canonical pair together: sets its `initial`, which it begins with.

    Args:
        pair: the `CanonicalPair`, made without an initial transform.
        alignment: `"affine"` optimises one, from the centres of the foregrounds;
            `"centres"` stays there; `"none"` takes the images' own worlds for one, as
            those of a single examination are.
        aligner: what `affine_aligner` made for the pair's preprocessor.
        progress: bool. Show a progress bar.
    """
    if alignment == "affine":
        found = aligner.optimise(**pair.tensors(), progress=progress, label="Aligning")
        pair.initial = aligner.to_world(found, pair)
    elif alignment == "none":
        pair.initial = AffineTransform(np.eye(pair.grid.ndim + 1))
