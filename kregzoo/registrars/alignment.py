"""What brings a pair together before a network sees it."""

import functools

import numpy as np

from kregzoo.losses import LNCC, MSE, NCC, BendingEnergy
from kregzoo.registrars.canonical_pair import CanonicalPair, default_preprocessor
from kregzoo.registrars.iterative import IterativeRegistrar
from kregzoo.registrars.optimizers import SciPy
from kregzoo.registrars.transform_models import Affine, BSpline, Rigid
from kregzoo.spatial import AffineTransform, Image

ALIGNMENTS = ("affine", "centres", "none")

# Voxels in mm of the pyramid, and iterations at most: finer ones cost more than they
# gain, since the network makes up for less than a voxel.
LEVELS = ((8.0, 60), (4.0, 40))


@functools.lru_cache
def affine_aligner(preprocessor, metric=None):
    """Make the registrar that aligns affinely before a network.

    The same one for the same arguments: it takes seconds to compile, and TensorFlow
    keeps what XLA compiled as long as the process lasts.

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
        # Polished, it ends alike on every backend; minimising further gains nothing.
        SciPy("L-BFGS-B", options={"ftol": 1e-6}, polish=40),
        levels=levels,
        preprocessor=preprocessor,
    )


@functools.lru_cache
def bspline_registrar(preprocessor=None, metric=None):
    """Make the deformable registrar that asks for no training, once for each frame.

    Args:
        preprocessor: the `Preprocessor` of the canonical grid, in whose voxels the
            control points are 8 apart.
        metric: a loss of `kregzoo.losses`. Defaults to `LNCC()`.

    Returns:
        An `IterativeRegistrar`, to begin from an affine alignment.
    """
    return IterativeRegistrar(
        metric or LNCC(),
        BSpline(8.0),
        levels=((4, 40), (2, 40), (1, 20)),
        regularisers=((BendingEnergy(), 1.0),),
        preprocessor=preprocessor,
    )


def align(pair, alignment, aligner, progress=False):
    """Align a canonical pair by the initial transform of the moving image.

    Args:
        pair: the `CanonicalPair`, made without an initial transform.
        alignment: `"affine"` optimises one, from the centres of the foregrounds;
            `"centres"` stays there; `"none"` takes the images' own worlds for one, as
            those of a single examination are.
        aligner: what `affine_aligner` made for the pair's preprocessor.
        progress: bool. Show a progress bar.

    Returns:
        The `CanonicalPair` with that initial transform.
    """
    if alignment == "affine":
        found = aligner.optimise(**pair.tensors(), progress=progress, label="Aligning")
        return pair.with_initial(aligner.to_world(found, pair))
    if alignment == "none":
        return pair.with_initial(AffineTransform(np.eye(pair.grid.ndim + 1)))
    return pair


def align_labels(moving, fixed):
    """Lay structures of one image on those of another, as an expert would.

    Rigidly, by the least squares of soft masks, which fall from 1 to 0 within 10 mm of
    a structure's surface, over all the structures that both images have.

    Args:
        moving: `LabelMap`.
        fixed: `LabelMap`.

    Returns:
        An `AffineTransform` from fixed to moving world.

    Raises:
        ValueError: when the images share no structure.
    """
    shared = sorted(moving.labels() & fixed.labels())
    if not shared:
        raise ValueError(
            "`moving` and `fixed` must share a structure. "
            f"Received: {sorted(moving.labels())} and {sorted(fixed.labels())}"
        )
    masks = [[_soft(labels, n) for n in shared] for labels in (moving, fixed)]
    # The first is the largest, in data of glands and landmarks.
    pair = CanonicalPair(
        default_preprocessor(fixed.grid.ndim), masks[0][0], masks[1][0]
    )
    channels = [
        np.stack([m.resample(pair.grid, t).array for m in those], axis=-1)[None]
        for those, t in zip(masks, (pair.initial, None), strict=True)
    ]
    registrar = _label_aligner()
    return registrar.to_world(registrar.optimise(*channels), pair)


@functools.lru_cache
def _label_aligner():
    return IterativeRegistrar(MSE(), Rigid(), levels=((2, 60), (1, 60)))


# In mm.
SOFTNESS = 10.0


def _soft(labels, number):
    """How deep inside of a structure each voxel is, from 0 to 1."""
    from scipy import ndimage

    mask = labels.mask(number)
    outside, inside = (
        ndimage.distance_transform_edt(m, labels.grid.spacing) for m in (~mask, mask)
    )
    depth = 0.5 + (inside - outside) / (2 * SOFTNESS)
    return Image(np.clip(depth, 0.0, 1.0).astype("float32"), labels.grid)
