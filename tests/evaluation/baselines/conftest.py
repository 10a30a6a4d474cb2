"""One small pair for every tool: what it wrote is what is judged."""

import numpy as np
import pytest

from kregzoo.evaluation import baselines
from kregzoo.spatial import Grid, Image
from tests.phantoms import Phantom, linear_map, mean_error

PHANTOM = Phantom(3, radius=30.0)
TRUTH = linear_map(3, degrees=4.0, shift=3.0)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Paths of a moving and a fixed image, a small affine apart."""
    folder = tmp_path_factory.mktemp("files")
    grid = Grid.centered((40, 42, 38), 2.0, center=(5.0, -8.0, 3.0))
    paths = folder / "moving.nii.gz", folder / "fixed.nii.gz"
    PHANTOM.image(grid).write(paths[0])
    PHANTOM.image(grid, TRUTH).write(paths[1])
    return paths


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


@pytest.fixture
def assert_finds(files, tmp_path, monkeypatch):
    """Holds a method of a name to the image and the transform that it writes."""

    def check(name):
        (elsewhere := tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(elsewhere)
        (method,) = baselines([name])
        transform = method.run(*files, tmp_path).read()
        assert not list(elsewhere.iterdir())
        fixed = Image.read(files[1])
        warped = transform.apply(files[0], fixed.grid).array
        written = Image.read(tmp_path / "warped.nii.gz").array
        assert correlation(warped, written) > 0.9995
        before = Image.read(files[0]).array
        # ITK's Elastix is content with less in an image of few voxels.
        assert (
            correlation(warped, fixed.array) > 0.95 > correlation(before, fixed.array)
        )
        if name.endswith("affine"):
            points = PHANTOM.landmarks()
            assert mean_error(transform, TRUTH, points) < 1.0

    return check
