import numpy as np
import pytest

from kregzoo.spatial import Grid, Image


def make_grid(seed, ndim, shape=(7, 11, 9)):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(ndim, ndim)))
    rotation *= rng.choice([-1, 1], ndim)  # of either handedness
    affine = np.eye(ndim + 1)
    affine[:-1, :-1] = rotation * rng.uniform(0.5, 3.0, ndim)
    affine[:-1, -1] = rng.uniform(-50, 50, ndim)
    # Always the same shape, because compilation for each shape takes long.
    return Grid(shape[:ndim], affine)


def make_image(seed, ndim, shape=(14, 12, 16)):
    grid = make_grid(seed, ndim, shape)
    voxels = np.random.default_rng(seed).uniform(1.0, 2.0, grid.shape)
    return Image(voxels.astype("float32"), grid)


@pytest.fixture(scope="session")
def random_grid():
    """Return a function that makes oblique, anisotropic, often flipped grids."""
    return make_grid


@pytest.fixture(scope="session")
def random_image():
    """Return a function that makes images of noise on such grids."""
    return make_image
