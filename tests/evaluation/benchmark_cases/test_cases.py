import subprocess

import pytest

from kregzoo.evaluation.benchmark_cases import cases


def test_benchmarks_are_told_apart_by_their_names():
    small, large = (16, 16, 16), (32, 32, 32)
    found = {b.name: b for b in cases.benchmarks(small, large)}
    assert len(found) == len(cases.benchmarks())
    assert found["warp"].size == found["network forward"].size == small
    assert found["training step"].size == large
    # Gradients keep what their first pass made, so that a peak says little.
    with_memory = {name for name, b in found.items() if b.memory}
    assert with_memory == {
        "warp",
        "integration",
        "network forward",
        "network forward half resolution",
    }


def test_an_import_is_one_of_a_process_of_its_own():
    (found,) = [b for b in cases.benchmarks() if b.name == "import"]
    assert found.ours.make()().returncode == 0
    with pytest.raises(subprocess.CalledProcessError):
        cases._import("no_such_module")()
