import io
import json
import time

import keras
import numpy as np
import pytest

from kregzoo import ops
from kregzoo.evaluation import benchmark
from kregzoo.evaluation.benchmark_cases.benchmark_case import Benchmark, Implementation
from kregzoo.evaluation.benchmark_cases.frameworks import images, smooth_field
from kregzoo.evaluation.benchmark_cases.registration import brains
from kregzoo.spatial.transforms import from_itk

SIZE = (16, 16, 16)
# Exclude the border, where the definition of the gradient is arbitrary.
INNER = (slice(1, -1),) * 3


def fake(name, seconds=0.0, log=None, package=None):
    def work():
        if log is not None:
            log.append(name)
        time.sleep(seconds)

    return Implementation(name, lambda: work, package)


def results(others=(), rounds=1, log=None):
    """Run one benchmark in which our implementation sleeps for 0.02 s."""
    ours = fake("ours", 0.02, log)
    found = Benchmark("sleep", ours, others, size=SIZE)
    return benchmark.run([found], rounds, progress=False)


def defined(name):
    (found,) = [b for b in benchmark.benchmarks(SIZE, SIZE) if b.name == name]
    return found


def implementation(name, of):
    (found,) = [c for c in defined(of).available if c.name == name]
    return found.make()


def numpy_of(tensor):
    return np.squeeze(np.asarray(keras.ops.convert_to_numpy(tensor)))


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by one that only sleep advances, for exact times."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "perf_counter", lambda: sum(slept))


def test_ratio_is_theirs_over_ours(clock):
    (result,) = results((fake("slow", 0.1), fake("fast", 0.005)), rounds=3)
    ours, slow, fast = result["implementations"]
    assert "ratio" not in ours
    assert ours["median"] == pytest.approx(0.02)
    assert slow["ratio"]["median"] == pytest.approx(5.0)
    assert fast["ratio"]["median"] == pytest.approx(0.25)
    for entry in (slow, fast):
        pairs = zip(entry["seconds"], ours["seconds"], strict=True)
        ratios = sorted(their / our for their, our in pairs)
        ratio = entry["ratio"]
        assert [ratio["min"], ratio["median"], ratio["max"]] == ratios


def test_implementations_alternate_after_one_call_each():
    log = []
    results((fake("theirs", log=log),), rounds=2, log=log)
    assert log == ["ours", "theirs"] * 3


def test_missing_package_is_reported_and_never_made():
    def make():
        raise AssertionError("an implementation that is not installed must not be made")

    absent = Implementation("absent", make, package="no-such-distribution")
    (result,) = results((absent,))
    assert result["implementations"][1] == {
        "name": "absent",
        "missing": "not installed",
    }
    assert "not installed" in printed([result])


def printed(found):
    from rich.console import Console

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(benchmark.table(found))
    return console.export_text()


def test_table_shows_ratio_and_version():
    (result,) = results((fake("theirs", 0.1, package="keras"),))
    entry = result["implementations"][1]
    entry["ratio"] = {"median": 4.0, "min": 3.5, "max": 5.25}
    text = printed([result])
    assert "sleep 16×16×16" in text
    assert "4.00 (3.50-5.25)" in text
    assert f"theirs {keras.__version__}" in text


def test_json_holds_results_and_command(tmp_path):
    found = results((fake("theirs"),))
    benchmark.write_json(tmp_path / "benchmark.json", found, "the command")
    record = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert record["benchmarks"] == found
    assert record["run"]["command"] == "the command"


def test_peak_memory_counts_what_is_freed_again():
    found = benchmark.peak_memory(lambda: np.ones(2**24, "float32").sum())
    assert 63 < found < 80


def test_warps_compute_the_same_image():
    image, field = images(SIZE)[0], smooth_field(SIZE)
    expected = numpy_of(ops.warp(image, field))
    # Otherwise all would agree on an image that did not move.
    assert np.abs(expected - np.squeeze(image)).mean() > 0.1
    found = defined("warp")
    assert len(found.others) == 2
    for name in [c.name for c in found.available]:
        warped = numpy_of(implementation(name, "warp")())
        np.testing.assert_allclose(warped, expected, atol=1e-4)


def test_gradients_of_warps_are_of_the_same_function():
    ours = numpy_of(implementation("kregzoo", "warp gradient")())
    theirs = np.moveaxis(
        numpy_of(implementation("map_coordinates", "warp gradient")()), 0, -1
    )
    assert np.abs(ours[INNER]).max() > 0.1
    np.testing.assert_allclose(ours[INNER], theirs[INNER], atol=1e-3)


@pytest.mark.parametrize("name", ["integration", "integration gradient"])
def test_integrations_compute_the_same_field(name):
    pytest.importorskip("voxelmorph")
    ours = numpy_of(implementation("kregzoo", name)())
    theirs = np.moveaxis(numpy_of(implementation("voxelmorph", name)()), 0, -1)
    assert np.abs(ours[INNER]).max() > 1.0
    tolerance = 1e-3 * np.abs(ours).max()
    np.testing.assert_allclose(ours[INNER], theirs[INNER], atol=tolerance)
    if "gradient" in name:
        plain = numpy_of(implementation("plain form", name)())
        np.testing.assert_allclose(ours[INNER], plain[INNER], atol=tolerance)


@pytest.mark.parametrize(
    "name", ["network forward", "network forward half resolution", "training step"]
)
def test_networks_run_and_have_as_many_parameters(name):
    pytest.importorskip("voxelmorph")
    (result,) = benchmark.run([defined(name)], 1, progress=False)
    assert all(entry["median"] > 0 for entry in result["implementations"])
    if name != "training step":
        ours, twin = (entry["parameters"] for entry in result["implementations"][:2])
        assert ours == twin


def test_affine_registrations_find_the_same_affine():
    moving, fixed = brains()
    ours = implementation("kregzoo", "affine registration")()
    theirs = implementation("mutual information", "affine registration")()
    found = from_itk(theirs)
    points = fixed.grid.voxel_to_world(np.argwhere(fixed.array > 0)[::5000])
    assert np.linalg.norm(found.apply_points(points) - points, axis=1).mean() > 10.0
    errors = ours.transform.apply_points(points) - found.apply_points(points)
    assert np.linalg.norm(errors, axis=1).mean() < 6.0


def test_run_all_measures_only_what_is_asked_with_memory():
    found = benchmark.run_all(SIZE, SIZE, 1, only=["warp"], progress=False)
    assert [(r["name"], r["device"]) for r in found] == [("warp", "cpu")]
    measured = [e for e in found[0]["implementations"] if "missing" not in e]
    assert all(entry["memory_mib"] > 0 for entry in measured)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"only": ["wrap"]}, "wrap"), ({"device": "abacus"}, "abacus")],
)
def test_unknown_names_are_refused(arguments, named):
    with pytest.raises(ValueError, match=f"Received: .*{named}"):
        benchmark.run_all(SIZE, SIZE, progress=False, **arguments)


def test_gpu_without_an_accelerator_is_refused(monkeypatch):
    monkeypatch.setattr(benchmark, "_sees_accelerator", lambda: False)
    with pytest.raises(ValueError, match="has no accelerator"):
        benchmark.run_all(SIZE, SIZE, device="gpu", progress=False)


def test_rounds_below_one_are_refused():
    with pytest.raises(ValueError, match="`rounds` must be at least 1"):
        results(rounds=0)
