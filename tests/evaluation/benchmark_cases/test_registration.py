import sys

import numpy as np
import pytest

from kregzoo.evaluation.benchmark_cases.registration import brains, loads
from kregzoo.spatial.transforms import from_itk
from tests.evaluation.benchmark_cases.small import implementation


def test_affine_registrations_find_the_same_affine():
    moving, fixed = brains()
    ours = implementation("kregzoo", "affine registration")()
    theirs = implementation("mutual information", "affine registration")()
    found = from_itk(theirs)
    points = fixed.grid.voxel_to_world(np.argwhere(fixed.array > 0)[::5000])
    assert np.linalg.norm(found.apply_points(points) - points, axis=1).mean() > 10.0
    errors = ours.transform.apply_points(points) - found.apply_points(points)
    assert np.linalg.norm(errors, axis=1).mean() < 6.0


def test_a_preset_that_predicts_a_velocity_is_loaded():
    network = loads().ours.make()()
    assert network.metadata["predicts"] == "velocity"
    assert network.metadata["data"]["name"] == "brain_t1"


def test_the_template_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "nilearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "kregzoo\[bench\]"'):
        brains.__wrapped__()
