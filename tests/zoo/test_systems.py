import dataclasses

import pytest

from kregzoo import zoo
from kregzoo.models import SYSTEMS


def test_unknown_recipes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`recipe`.*brain_t1.*Received: 'moon'"):
        zoo.train("voxelmorph", tmp_path, tmp_path / "out", recipe="moon")


def test_systems_of_one_s_own_are_registered_once(monkeypatch):
    known = dict(SYSTEMS)
    monkeypatch.setattr(zoo.systems, "SYSTEMS", known)
    mine = dataclasses.replace(known["voxelmorph"], name="mine")
    assert zoo.register_system(mine) is mine
    assert zoo.register_system(mine) is zoo.find_system("mine")
    other = dataclasses.replace(mine, chapter="6")
    with pytest.raises(ValueError, match="unique name.*Received: 'mine'"):
        zoo.register_system(other)
