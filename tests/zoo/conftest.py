import pytest

from kregzoo import zoo
from tests.zoo.tiny import few_steps, write_data


@pytest.fixture(scope="module")
def small():
    """Recipes at a scale of seconds."""
    with few_steps():
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A data folder, the preset trained on it and its folder."""
    root = tmp_path_factory.mktemp("zoo")
    data = write_data(root / "phantoms")
    out = root / "voxelmorph_phantoms"
    with few_steps():
        return data, zoo.train("voxelmorph", data, out, seed=7), out
