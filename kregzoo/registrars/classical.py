"""Registration without a network: rigid, affine, B-spline and dense deformable."""

import functools

import keras

from kregzoo import losses
from kregzoo.registrars.alignment import bspline_registrar
from kregzoo.registrars.canonical_pair import CanonicalPair, default_preprocessor
from kregzoo.registrars.checks import judge
from kregzoo.registrars.iterative import IterativeRegistrar
from kregzoo.registrars.registration import Registration, Timer
from kregzoo.registrars.transform_models import Affine, Rigid, Velocity
from kregzoo.spatial import as_image

METRICS = {
    "mi": losses.MI,
    "nmi": losses.NMI,
    "ncc": losses.NCC,
    "lncc": losses.LNCC,
    "ngf": losses.NGF,
    "mind": losses.MINDSSC,
}
LINEAR = {"rigid": Rigid, "affine": Affine}
# The transforms that each method optimizes, in order.
METHODS = {
    "rigid": ("rigid",),
    "affine": ("rigid", "affine"),
    "bspline": ("rigid", "affine", "bspline"),
    "deformable": ("rigid", "affine", "deformable"),
}


def register(
    moving,
    fixed,
    method="deformable",
    metric="mi",
    *,
    initial=None,
    moving_mask=None,
    fixed_mask=None,
    progress=True,
):
    """Register two images by iterative optimization, without a network.

    The methods optimize transforms with more and more degrees of freedom. For example,
    `"deformable"` optimizes a rigid transform, then an affine transform, then a
    stationary velocity field. Images are compared on a grid of 2 mm.

    Args:
        moving: path, nibabel image, array or `kregzoo.spatial.Image`.
        fixed: like `moving`.
        method: `"rigid"`, `"affine"`, `"bspline"` (control points 8 voxels apart) or
            `"deformable"`.
        metric: `"mi"` or `"nmi"` for images of different contrasts or modalities;
            `"ncc"` or `"lncc"` for images of one contrast; `"ngf"` or `"mind"` for
            images that share edges or structure.
        initial: transform from fixed to moving world to start from. Defaults to the
            translation that aligns the centers of the foregrounds.
        moving_mask: mask image in the moving space. Voxels at 0 are ignored.
        fixed_mask: like `moving_mask`, in the fixed space.
        progress: bool. Show progress bars.

    Returns:
        A `Registration`. If it cannot be trusted, its `warnings` say why, and a
        `RegistrationWarning` is issued.

    Raises:
        ValueError: If `method` or `metric` is unknown, or an image is unusable.

    Example:
        >>> import numpy as np
        >>> blob = np.exp(-np.linspace(-3, 3, 32) ** 2)
        >>> fixed = np.multiply.outer(blob, blob)
        >>> moving = np.roll(fixed, 3, axis=0)
        >>> result = register(moving, fixed, "rigid", "ncc", progress=False)
    """
    _check_choice("method", method, METHODS)
    _check_choice("metric", metric, METRICS)
    timer = Timer()
    moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
    frame = default_preprocessor(fixed.grid.ndim)
    given = CanonicalPair(frame, moving, fixed, initial, moving_mask, fixed_mask)
    timer.lap("read")
    pair = given
    for transform in METHODS[method]:
        registrar = _registrar(transform, metric)
        found = registrar.optimize(
            **pair.tensors(), progress=progress, label=transform.capitalize()
        )
        pair = pair.with_initial(registrar.to_world(found, pair))
        timer.lap(transform)
    result = Registration(moving, fixed, pair.initial, timer.seconds())
    return judge(result, given, timer)


def _check_choice(argument, value, known):
    if value not in known:
        raise ValueError(
            f"`{argument}` must be one of {', '.join(known)}. Received: {value!r}"
        )


@functools.lru_cache
def _registrar(transform, metric):
    """Make the registrar of a transform, cached because compiling it takes seconds."""
    loss = METRICS[metric]()
    if transform in LINEAR:
        return IterativeRegistrar(loss, LINEAR[transform]())
    if transform == "bspline":
        return bspline_registrar(metric=loss)
    return IterativeRegistrar(
        loss,
        Velocity(2),
        keras.optimizers.Adam(0.05),
        levels=((4, 60), (2, 60), (1, 30)),
        regularizers=((losses.Gradient(), 1.0),),
    )
