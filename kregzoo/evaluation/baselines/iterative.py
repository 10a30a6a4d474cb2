"""Registration without a network: initial alignments and iterative registration."""

import functools

import numpy as np

from kregzoo.losses import MI, MINDSSC
from kregzoo.protocols.known_deformations import register_bspline
from kregzoo.protocols.pair_cases import save_registration, write_answer
from kregzoo.protocols.rigid_starts import FROM_WORLDS
from kregzoo.registrars import IterativeRegistrar, LearnedMetricRegistrar, Rigid
from kregzoo.registrars.alignment import affine_aligner
from kregzoo.registrars.canonical_pair import default_preprocessor
from kregzoo.registrars.optimizers import SciPy
from kregzoo.spatial import AffineTransform, Image

RIGID_LEVELS = ((4, 60), (2, 60), (1, 40))
SIMILARITIES = {"mi": MI, "mind": MINDSSC}


def run_start(moving, fixed, folder, centers):
    """Keep the positions of the images, or align the centers of their grids."""
    moving, fixed = Image.read(moving), Image.read(fixed)
    matrix = np.eye(fixed.grid.ndim + 1)
    if centers:
        matrix[:-1, -1] = moving.grid.center - fixed.grid.center
    transform = AffineTransform(matrix)
    return write_answer(transform, moving, fixed, folder)


def run(moving, fixed, folder, kind):
    """Register iteratively: `"affine"`, or `"bspline"` after an affine."""
    moving, fixed = Image.read(moving), Image.read(fixed)
    return write_answer(METHODS[kind](moving, fixed), moving, fixed, folder)


def _affine(moving, fixed):
    frame = default_preprocessor(fixed.grid.ndim)
    return affine_aligner(frame).register(moving, fixed, progress=False).transform


METHODS = {"affine": _affine, "bspline": register_bspline}


def run_rigid(moving, fixed, folder):
    """Register rigidly by MIND-SSC, starting from the world coordinates."""
    found = _rigid_registrar().register(moving, fixed, **FROM_WORLDS)
    return save_registration(found, folder)


@functools.lru_cache
def _rigid_registrar():
    return IterativeRegistrar(
        MINDSSC(),
        Rigid(),
        SciPy("L-BFGS-B"),
        RIGID_LEVELS,
        preprocessor=default_preprocessor(3),
    )


def run_search(moving, fixed, folder, by, frame):
    """Run the search of a learned metric with another similarity."""
    registrar = LearnedMetricRegistrar(SIMILARITIES[by](), frame)
    found = registrar.register(moving, fixed, **FROM_WORLDS)
    return save_registration(found, folder)
