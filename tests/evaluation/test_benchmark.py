import io
import json
import time
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from kregzoo.evaluation import benchmark
from kregzoo.evaluation.benchmark_cases import frameworks, networks, warping
from kregzoo.evaluation.benchmark_cases.benchmark_case import Benchmark, Implementation
from kregzoo.utils.provenance import write_record

SIZE = (16, 16, 16)


def fake(name, seconds=0.0, log=None, package=None):
    def work():
        if log is not None:
            log.append(name)
        time.sleep(seconds)

    return Implementation(name, lambda: work, package)


def results(others=(), rounds=1, log=None):
    """Results of one benchmark whose own implementation sleeps for 0.02 s."""
    ours = fake("ours", 0.02, log)
    found = Benchmark("sleep", ours, others, size=SIZE)
    return benchmark.run([found], rounds, progress=False)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleep moves, so that a busy machine changes no measurement."""
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
    write_record(tmp_path / "benchmark.json", "the command", benchmarks=found)
    record = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert record["benchmarks"] == found
    assert record["run"]["command"] == "the command"


def test_peak_memory_counts_what_is_freed_again():
    found = benchmark.peak_memory(lambda: np.ones(2**24, "float32").sum())
    assert 63 < found < 80


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


STEPS = ["warp", "warp gradient", "integration", "integration gradient"]
NETWORKS = ["network forward", "network forward half resolution", "training step"]


def test_gpu_code_runs_on_the_device_that_is_there(monkeypatch):
    monkeypatch.setattr(benchmark, "_sees_accelerator", lambda: True)
    monkeypatch.setitem(frameworks.TORCH_DEVICES, "gpu", "cpu")
    only = [*STEPS, *NETWORKS]
    for module in (warping, networks):
        monkeypatch.setattr(module, "without_cuda", lambda device: None)
    found = benchmark.run_all(SIZE, SIZE, 1, "gpu", only, progress=False)
    assert {r["name"] for r in found} == set(only)
    assert {r["device"] for r in found} == {"gpu"}
    assert all(r["implementations"][0]["median"] > 0 for r in found)


@pytest.mark.skipif(not find_spec("torch"), reason="asks PyTorch")
def test_pytorch_without_cuda_is_reported(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(benchmark, "_sees_accelerator", lambda: True)
    (found,) = benchmark.run_all(SIZE, SIZE, 1, "gpu", ["warp"], progress=False)
    entry = found["implementations"][2]
    assert entry == {"name": "grid_sample", "missing": "PyTorch has no CUDA"}


def test_training_step_trains():
    work = networks.training_steps(SIZE, "cpu").ours.make()
    losses = [float(work()["loss"]) for _ in range(4)]
    assert losses[-1] < losses[0]


def test_rounds_below_one_are_refused():
    with pytest.raises(ValueError, match="`rounds` must be at least 1"):
        results(rounds=0)
