import numpy as np
import pytest

from kregzoo.evaluation import baselines
from kregzoo.spatial import Grid, Image
from tests.phantoms import Phantom

NAMES = [method.name for method in baselines(["iterative"])]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_finds_the_transform_that_it_writes(name, assert_finds):
    assert_finds(name)


@pytest.mark.parametrize("name", ["identity", "centers"])
def test_a_start_leaves_images_of_one_center_where_they_are(name, files, tmp_path):
    (method,) = baselines([name])
    transform = method.run(*files, tmp_path).read()
    points = Phantom(3, radius=30.0).landmarks()
    np.testing.assert_allclose(transform.apply_points(points), points, atol=1e-5)
    warped = transform.apply(files[0], Image.read(files[1]).grid).array
    written = Image.read(tmp_path / "warped.nii.gz").array
    np.testing.assert_allclose(written, warped, atol=1e-4)


@pytest.mark.parametrize(("name", "moved"), [("identity", 0.0), ("centers", 1.0)])
def test_centers_of_grids_are_aligned_if_asked(name, moved, tmp_path):
    array = np.random.default_rng(0).uniform(size=(8, 9, 10)).astype("float32")
    shift = np.array([30.0, -20.0, 10.0])
    paths = tmp_path / "moving.nii.gz", tmp_path / "fixed.nii.gz"
    for path, center in zip(paths, (shift, np.zeros(3)), strict=True):
        Image(array, Grid.centered(array.shape, 2.0, center=center)).write(path)
    (method,) = baselines([name])
    (start,) = method.run(*paths, tmp_path).read().apply_points(np.zeros((1, 3)))
    np.testing.assert_allclose(start, moved * shift, atol=1e-4)
