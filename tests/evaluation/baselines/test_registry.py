"""Every tool on one small pair: what it wrote is what is judged."""

import importlib.util
import pathlib
import sys

import numpy as np
import pytest

from kregzoo.evaluation import baselines
from kregzoo.spatial import Grid, Image
from tests.phantoms import Phantom, linear_map, mean_error

STARTS = ("identity", "centres")
PACKAGES = {"ants": "ants", "elastix": "itk", "sitk": "SimpleITK"}
NAMES = [method.name for method in baselines([*PACKAGES, *STARTS, "iterative"])]
PHANTOM = Phantom(3, radius=30.0)
TRUTH = linear_map(3, degrees=4.0, shift=3.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    grid = Grid.centred((40, 42, 38), 2.0, centre=(5.0, -8.0, 3.0))
    paths = folder / "moving.nii.gz", folder / "fixed.nii.gz"
    PHANTOM.image(grid).write(paths[0])
    PHANTOM.image(grid, TRUTH).write(paths[1])
    return paths


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_finds_the_transform_that_it_writes(
    name, files, tmp_path, monkeypatch
):
    package = PACKAGES.get(name.split("-")[0])
    if package and not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    (method,) = baselines([name])
    transform = method.run(*files, tmp_path).read()
    assert not list(elsewhere.iterdir())
    fixed = Image.read(files[1])
    warped = transform.apply(files[0], fixed.grid).array
    written = Image.read(tmp_path / "warped.nii.gz").array
    assert correlation(warped, written) > 0.9995
    points = PHANTOM.landmarks()
    if name in STARTS:
        np.testing.assert_allclose(transform.apply_points(points), points, atol=1e-5)
        return
    before = Image.read(files[0]).array
    # ITK's Elastix is content with less in an image of few voxels.
    assert correlation(warped, fixed.array) > 0.95 > correlation(before, fixed.array)
    if name.endswith("affine"):
        assert mean_error(transform, TRUTH, points) < 1.0


def test_what_runs_is_recorded():
    for method in baselines(["ants-syn", "sitk"]):
        assert method.description["package"].startswith(("antspyx", "SimpleITK"))
    (syn,) = baselines(["ants-syn"])
    assert syn.description["parameters"] == "type_of_transform=SyN"


def test_groups_and_single_methods_may_be_named():
    names = [method.name for method in baselines(["elastix", "ants-syn", "identity"])]
    elastix = [name for name in NAMES if name.startswith("elastix-")]
    assert len(elastix) == 4 and names == ["identity", "ants-syn", *elastix]
    with pytest.raises(ValueError, match="Received: nonsense"):
        baselines(["ants", "nonsense"])


def test_a_missing_package_says_so(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "ants", None)
    (method,) = baselines(["ants-syn"])
    with pytest.raises(ImportError, match="ants"):
        method.run(*files, pathlib.Path("."))
