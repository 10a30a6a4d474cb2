"""Initial alignment of a pair before a network."""

import functools

import numpy as np

from kregzoo.losses import LNCC, MSE, NCC, BendingEnergy
from kregzoo.registrars.canonical_pair import CanonicalPair, default_preprocessor
from kregzoo.registrars.iterative import IterativeRegistrar
from kregzoo.registrars.optimizers import SciPy
from kregzoo.registrars.transform_models import Affine, BSpline, Rigid
from kregzoo.spatial import AffineTransform, Image

ALIGNMENTS = ("affine", "centers", "none")

# Voxel size in mm and maximum iterations of each pyramid level. Finer levels cost more
# than they gain, because the network corrects errors below a voxel.
LEVELS = ((8.0, 60), (4.0, 40))


@functools.lru_cache
def affine_aligner(preprocessor, metric=None):
    """Make the registrar for the affine alignment before a network.

    The registrar is cached, because compiling it takes seconds, and TensorFlow never
    frees functions compiled by XLA.

    Args:
        preprocessor: the `Preprocessor` of the network.
        metric: a loss of `kregzoo.losses`. Defaults to `NCC()`, for one modality.

    Returns:
        An `IterativeRegistrar` on the canonical grid of the network.
    """
    levels = [(max(1.0, mm / preprocessor.spacing), steps) for mm, steps in LEVELS]
    return IterativeRegistrar(
        metric or NCC(),
        Affine(),
        # Root-polishing makes all backends converge to the same optimum. A smaller
        # `ftol` brings no improvement.
        SciPy("L-BFGS-B", options={"ftol": 1e-6}, polish=40),
        levels=levels,
        preprocessor=preprocessor,
    )


@functools.lru_cache
def bspline_registrar(preprocessor=None, metric=None):
    """Make the registrar for B-spline registration without a network.

    The registrar is cached. The control points are 8 voxels of the canonical grid
    apart.

    Args:
        preprocessor: the `Preprocessor` of the canonical grid.
        metric: a loss of `kregzoo.losses`. Defaults to `LNCC()`.

    Returns:
        An `IterativeRegistrar`, to start from an affine alignment.
    """
    return IterativeRegistrar(
        metric or LNCC(),
        BSpline(8.0),
        levels=((4, 40), (2, 40), (1, 20)),
        regularizers=((BendingEnergy(), 1.0),),
        preprocessor=preprocessor,
    )


def align(pair, alignment, aligner, progress=False):
    """Pre-align a canonical pair by an initial transform.

    Args:
        pair: the `CanonicalPair`, made without an initial transform.
        alignment: `"affine"` optimizes an affine transform, starting from the centers
            of the foregrounds; `"centers"` keeps the alignment of the centers; `"none"`
            uses the identity, for images that share a world, for example those of a
            single examination.
        aligner: the registrar that `affine_aligner` returns for the preprocessor.
        progress: bool. Show a progress bar.

    Returns:
        The `CanonicalPair` with that initial transform.
    """
    if alignment == "affine":
        found = aligner.optimize(**pair.tensors(), progress=progress, label="Aligning")
        return pair.with_initial(aligner.to_world(found, pair))
    if alignment == "none":
        return pair.with_initial(AffineTransform(np.eye(pair.grid.ndim + 1)))
    return pair


def align_labels(moving, fixed):
    """Align two images rigidly by their labels, as a substitute for an expert.

    Minimizes the squared difference of soft masks over all structures that both images
    have. A soft mask falls from 1 at 10 mm inside of the surface to 0 at 10 mm outside.

    Args:
        moving: `LabelMap`.
        fixed: `LabelMap`.

    Returns:
        An `AffineTransform` from fixed to moving world.

    Raises:
        ValueError: If the images share no structure.
    """
    shared = sorted(moving.labels() & fixed.labels())
    if not shared:
        raise ValueError(
            "The labels of `moving` and `fixed` must share a structure. "
            f"Received: {sorted(moving.labels())} and {sorted(fixed.labels())}"
        )
    masks = [[_soft(labels, n) for n in shared] for labels in (moving, fixed)]
    # Align the centers of the first structure, which is the gland in data sets of a
    # gland and landmarks.
    pair = CanonicalPair(
        default_preprocessor(fixed.grid.ndim), masks[0][0], masks[1][0]
    )
    channels = [
        np.stack([m.resample(pair.grid, t).array for m in those], axis=-1)[None]
        for those, t in zip(masks, (pair.initial, None), strict=True)
    ]
    registrar = _label_aligner()
    return registrar.to_world(registrar.optimize(*channels), pair)


@functools.lru_cache
def _label_aligner():
    return IterativeRegistrar(MSE(), Rigid(), levels=((2, 60), (1, 60)))


# Distance in mm from the surface at which a soft mask reaches 0 or 1.
SOFTNESS = 10.0


def _soft(labels, number):
    """Make the soft mask of a structure: a signed distance, scaled to [0, 1]."""
    from scipy import ndimage

    mask = labels.mask(number)
    outside, inside = (
        ndimage.distance_transform_edt(m, labels.grid.spacing) for m in (~mask, mask)
    )
    depth = 0.5 + (inside - outside) / (2 * SOFTNESS)
    return Image(np.clip(depth, 0.0, 1.0).astype("float32"), labels.grid)
