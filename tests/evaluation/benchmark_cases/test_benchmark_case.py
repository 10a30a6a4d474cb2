import numpy as np

from kregzoo.evaluation.benchmark_cases.benchmark_case import Benchmark, Implementation

OURS = Implementation("ours", list)
THEIRS = Implementation("theirs", list, "numpy")
ABSENT = Implementation("absent", list, "no-such-distribution")


def test_an_implementation_has_the_version_of_its_package():
    assert THEIRS.version == np.__version__
    assert ABSENT.version is None


def test_what_is_installed_is_available_and_ours_comes_first():
    assert OURS.missing is None and THEIRS.missing is None
    assert ABSENT.missing == "not installed"
    found = Benchmark("test", OURS, (ABSENT, THEIRS))
    assert found.available == [OURS, THEIRS]
