"""Measure speed and memory, compared with Keras, PyTorch and other libraries.

The implementations of a benchmark alternate in one process, so that other work of the
machine affects all of them. Each round gives one ratio of times.
"""

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import keras

from kregzoo.evaluation.benchmark_cases.cases import SIZE, TRAINING_SIZE, benchmarks
from kregzoo.utils.progress import progress_bar

HEADS = (
    "benchmark",
    "implementation",
    "seconds",
    "ratio (min-max)",
    "peak MiB",
    "parameters",
)


def run_all(
    size=SIZE,
    training_size=TRAINING_SIZE,
    rounds=5,
    device="cpu",
    only=None,
    progress=True,
    on_result=None,
):
    """Run the benchmarks, and measure their memory on a CPU.

    Args:
        size: tuple of three ints divisible by 16. Voxels of warps, integrations
            and forward passes.
        training_size: tuple of three ints divisible by 16. Voxels of the training step.
        rounds: int >= 1.
        device: `"cpu"` or `"gpu"`, the backend's accelerator, and PyTorch's CUDA.
        only: names of the benchmarks to run; all if None.
        progress: bool. Show a progress bar.
        on_result: callable of the list of the results so far, after each benchmark.
            Defaults to none.

    Returns:
        List of dicts, see `run`. With `device="cpu"` the implementations of warps,
        integrations and forward passes also have `memory_mib`, see `peak_memory`.

    Raises:
        ValueError: If `device` or a name in `only` is unknown, or if `device="gpu"` and
            the Keras backend finds no accelerator.
    """
    _check_device(device)
    chosen = _chosen(benchmarks(size, training_size, device), only)
    memory = {}
    # Measured before the timing, while this process uses little memory.
    if device == "cpu":
        memory = {
            (b.name, c.name): _memory_of_process(b.name, c.name, size, training_size)
            for b in chosen
            if b.memory
            for c in b.available
        }

    def complete(results):
        result = results[-1]
        result["device"] = device
        for entry in result["implementations"]:
            if (result["name"], entry["name"]) in memory:
                entry["memory_mib"] = memory[result["name"], entry["name"]]
        if on_result is not None:
            on_result(results)

    with _placed_on(device):
        return run(chosen, rounds, progress, complete)


def run(benchmarks, rounds=5, progress=True, on_result=None):
    """Time the implementations of each benchmark in turns.

    Each implementation runs once before the measurement, to compile. In every round
    each runs once, ours first.

    Args:
        benchmarks: list of `Benchmark`.
        rounds: int >= 1.
        progress: bool. Show a progress bar.
        on_result: callable of the list of the results so far, after each benchmark.
            Defaults to none.

    Returns:
        List of dicts of `name`, `size` and `implementations`, ours first: dicts of
        `name`, `version` (None for ours), `parameters` (of a network), `seconds` (list,
        by round) and their `median`. The others also have `ratio`, the seconds divided
        by ours in the same round: `median`, `min` and `max` over the rounds. An
        implementation that cannot run has only `name` and `missing`, the reason.

    Raises:
        ValueError: If `rounds` is less than 1.
    """
    if rounds < 1:
        raise ValueError(f"`rounds` must be at least 1. Received: rounds={rounds}")
    results = []
    with progress_bar(len(benchmarks) * rounds, progress, "Benchmarking") as advance:
        for benchmark in benchmarks:
            seconds = _seconds(benchmark.available, rounds, advance)
            implementations = [
                _entry(implementation, seconds, benchmark.ours.name)
                for implementation in (benchmark.ours, *benchmark.others)
            ]
            results.append(
                {
                    "name": benchmark.name,
                    "size": list(benchmark.size),
                    "implementations": implementations,
                }
            )
            if on_result is not None:
                on_result(results)
    return results


def peak_memory(work):
    """Measure the peak memory of a callable beyond the memory in use before it.

    This is the highest resident memory of the process during the call minus that right
    before it. In a fresh process it counts everything that the first call allocates,
    including results and compilation, but no imports, inputs or weights.

    Args:
        work: callable without arguments.

    Returns:
        MiB as a float; None on systems other than Linux, where a process cannot reset
        its peak.
    """
    reset = pathlib.Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    reset.write_text("5")
    before = _resident("VmRSS")
    work()
    return _resident("VmHWM") - before


def table(results):
    """Make a table of results to print.

    Args:
        results: what `run` returned.

    Returns:
        A `rich.table.Table`.
    """
    from rich.table import Table

    rich_table = Table(*HEADS)
    for result in results:
        for row in texts(result):
            rich_table.add_row(*row)
        rich_table.add_section()
    return rich_table


def texts(result):
    """Format the rows of one benchmark, under `HEADS`.

    Args:
        result: dict of what `run` returned.

    Returns:
        List of lists of str.
    """
    size = "×".join(map(str, result["size"]))
    names = [f"{result['name']} {size}".strip(), *[""] * len(result["implementations"])]
    return [
        [name, *_cells(entry)]
        for name, entry in zip(names, result["implementations"], strict=False)
    ]


def _check_device(device):
    if device not in ("cpu", "gpu"):
        raise ValueError(f'`device` must be "cpu" or "gpu". Received: {device!r}')
    if device == "gpu" and not _sees_accelerator():
        raise ValueError(
            f"The Keras backend {keras.backend.backend()} has no accelerator: install "
            "its GPU build or set `device=\"cpu\"`. Received: device='gpu'"
        )


def _sees_accelerator():
    return "cpu" not in str(keras.ops.zeros(1).device).lower()


def _placed_on(device):
    """Return a scope that keeps Keras from using an accelerator by default."""
    # Only with an accelerator: Keras' PyTorch backend has no gradients in a scope.
    if device == "cpu" and _sees_accelerator():
        return keras.device("cpu:0")
    return contextlib.nullcontext()


def _chosen(benchmarks, only):
    names = [benchmark.name for benchmark in benchmarks]
    unknown = sorted(set(only or names) - set(names))
    if unknown:
        raise ValueError(f"`only` must contain names of {names}. Received: {unknown}")
    return [benchmark for benchmark in benchmarks if benchmark.name in (only or names)]


def _seconds(implementations, rounds, advance):
    """Time implementations in turns; return seconds by name and round."""
    works = {found.name: found.make() for found in implementations}
    seconds = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
        advance()
    return seconds


def _entry(implementation, seconds, ours):
    if missing := implementation.missing:
        return {"name": implementation.name, "missing": missing}
    values = seconds[implementation.name]
    entry = {
        "name": implementation.name,
        "version": implementation.package and implementation.version,
        "seconds": values,
        "median": statistics.median(values),
    }
    if implementation.parameters:
        entry["parameters"] = implementation.parameters()
    if implementation.name != ours:
        ratios = [their / our for their, our in zip(values, seconds[ours], strict=True)]
        summary = {"median": statistics.median, "min": min, "max": max}
        entry["ratio"] = {key: fn(ratios) for key, fn in summary.items()}
    return entry


def _cells(entry):
    name = " ".join(filter(None, (entry["name"], entry.get("version"))))
    if "missing" in entry:
        return [name, entry["missing"], "", "", ""]
    ratio = ""
    if "ratio" in entry:
        ratio = "{median:.2f} ({min:.2f}-{max:.2f})".format(**entry["ratio"])
    memory, parameters = entry.get("memory_mib"), entry.get("parameters")
    return [
        name,
        f"{entry['median']:.4g}",
        ratio,
        "" if memory is None else f"{memory:.0f}",
        "" if parameters is None else f"{parameters:,}",
    ]


def _memory_of_process(benchmark, implementation, size, training_size):
    """Run one implementation in a fresh process; return its peak memory in MiB."""
    program = f"from {__name__} import _print_memory; _print_memory()"
    arguments = json.dumps([benchmark, implementation, size, training_size])
    done = subprocess.run(
        [sys.executable, "-c", program, arguments],
        capture_output=True,
        encoding="utf-8",
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
    )
    if done.returncode:
        raise RuntimeError(
            f"{implementation} failed at {benchmark} in a separate process, with code "
            f"{done.returncode}: {done.stderr[-1000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def _print_memory():
    """Run one implementation in the fresh process."""
    benchmark, name, *sizes = json.loads(sys.argv[1])
    (found,) = _chosen(benchmarks(*map(tuple, sizes)), [benchmark])
    (implementation,) = [i for i in found.available if i.name == name]
    with _placed_on("cpu"):
        print(json.dumps(peak_memory(implementation.make())))


def _resident(field):
    """Read a field of this process' resident memory in MiB."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    for line in status.splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
