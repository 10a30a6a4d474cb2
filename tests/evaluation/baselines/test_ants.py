import pathlib
import sys

import pytest

from kregzoo.evaluation import baselines

NAMES = [method.name for method in baselines(["ants"])]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_finds_the_transform_that_it_writes(name, assert_finds):
    pytest.importorskip("ants")
    assert_finds(name)


def test_a_missing_package_says_so(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "ants", None)
    (method,) = baselines(["ants-syn"])
    with pytest.raises(ImportError, match="ants"):
        method.run(*files, pathlib.Path("."))
