import numpy as np
import pytest

import kregzoo
from kregzoo.spatial import AffineTransform
from tests.bad_input.files import BRAINS, brain


@pytest.fixture(scope="module")
def registrar():
    return kregzoo.load(BRAINS)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a good image, a transform and a data set to spoil, to work in."""
    monkeypatch.chdir(tmp_path)
    brain().write("good.nii.gz")
    AffineTransform(np.eye(4)).save("still.tfm")
    return tmp_path
