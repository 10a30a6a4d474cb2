"""Registration without a network: the start, and our iterative engine."""

import numpy as np

from kregzoo.evaluation.baselines.method import written
from kregzoo.registrars.alignment import affine_aligner, bspline_registrar
from kregzoo.registrars.canonical_pair import default_preprocessor
from kregzoo.spatial import AffineTransform, Image


def run_start(moving, fixed, folder, centres):
    """Leave the images where they are, or align the centers of their grids."""
    moving, fixed = Image.read(moving), Image.read(fixed)
    matrix = np.eye(fixed.grid.ndim + 1)
    if centres:
        matrix[:-1, -1] = moving.grid.centre - fixed.grid.centre
    transform = AffineTransform(matrix)
    return written(transform.apply(moving, fixed.grid), transform, folder)


def run(moving, fixed, folder, kind):
    """Register by the iterative engine: `"affine"`, or `"bspline"` after an affine."""
    moving, fixed = Image.read(moving), Image.read(fixed)
    transform = METHODS[kind](moving, fixed)
    return written(transform.apply(moving, fixed.grid), transform, folder)


def _iterative_affine(moving, fixed):
    frame = default_preprocessor(fixed.grid.ndim)
    return affine_aligner(frame).register(moving, fixed, progress=False).transform


def iterative_bspline(moving, fixed):
    """Register two `Image` by the iterative engine: affine, then B-spline."""
    registrar = bspline_registrar(default_preprocessor(fixed.grid.ndim))
    initial = _iterative_affine(moving, fixed)
    found = registrar.register(moving, fixed, initial=initial, progress=False)
    return found.transform


METHODS = {"affine": _iterative_affine, "bspline": iterative_bspline}
