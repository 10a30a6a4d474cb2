import numpy as np
import pytest

from kregzoo import zoo
from kregzoo.spatial import AffineTransform, Image
from tests.cli.small_files import SHIFT, Shifting


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with images, labels, landmarks and a transform, to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo, "load", lambda name, task=None: Shifting(), raising=False)
    rng = np.random.default_rng(0)
    affine = np.diag([-2.0, 2.0, 2.5, 1.0])
    for name in ("moving", "fixed"):
        array = rng.uniform(size=(12, 10, 8)).astype("float32")
        Image.from_array(array, affine=affine).write(f"{name}.nii.gz")
    labels = rng.integers(0, 300, (12, 10, 8), dtype="int16")
    Image.from_array(labels, affine=affine).write("labels.nii.gz")
    # The header names the axes: in RAS the points are (-1, 2, 3) and (-10.5, 6, 0).
    (tmp_path / "points.csv").write_text("l,p,s\n1,-2,3\n10.5,-6,0\n")
    AffineTransform(SHIFT).save("shift.tfm")
    return tmp_path
