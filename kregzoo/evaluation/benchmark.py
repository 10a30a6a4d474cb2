"""Speed and memory beside Keras' own resampling, PyTorch's and voxelmorph's.

The contenders of a benchmark take turns in one process, so that whatever else the
machine does falls on all of them alike, and each round gives one ratio of times.
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
from kregzoo.utils.files import atomic
from kregzoo.utils.progress import progress_bar
from kregzoo.utils.provenance import provenance

HEADS = (
    "benchmark",
    "contender",
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
):
    """Run the benchmarks, and measure the memory that they take on a CPU.

    Args:
        size: tuple of three ints divisible by 16. The voxels of warps, integrations
            and forward passes.
        training_size: likewise, of the training step.
        rounds: int >= 1.
        device: `"cpu"` or `"gpu"`, the backend's accelerator, and PyTorch's CUDA.
        only: names of the benchmarks to run; all if None.
        progress: bool. Show a progress bar.

    Returns:
        List of dicts, see `run`. With `device="cpu"` the contenders of warps,
        integrations and forward passes also have `memory_mib`, see `peak_memory`.

    Raises:
        ValueError: for an unknown `device` or name in `only`, or if the Keras backend
            sees no accelerator and `device="gpu"`.
    """
    _check_device(device)
    chosen = _chosen(benchmarks(size, training_size, device), only)
    memory = {}
    # Before the timing, while this process holds little itself.
    if device == "cpu":
        memory = {
            (b.name, c.name): _memory_of_process(b.name, c.name, size, training_size)
            for b in chosen
            if b.memory
            for c in b.contenders
        }
    with _placed_on(device):
        results = run(chosen, rounds, progress)
    for result in results:
        result["device"] = device
        for entry in result["contenders"]:
            if (result["name"], entry["name"]) in memory:
                entry["memory_mib"] = memory[result["name"], entry["name"]]
    return results


def run(benchmarks, rounds=5, progress=True):
    """Time the contenders of each benchmark in turns.

    Each does its work once unmeasured, which compiles what is to be compiled; then in
    every round each does it once, ours first.

    Args:
        benchmarks: list of `Benchmark`.
        rounds: int >= 1.
        progress: bool. Show a progress bar.

    Returns:
        List of dicts of `name`, `size` and `contenders`, ours first: dicts of `name`,
        `version` (None for ours), `parameters` (of a network), `seconds` (list, by
        round) and their `median`; of the others also `ratio`, the `median`, `min` and
        `max` over the rounds of their seconds over ours in the same round. One that is
        not installed has `name` and `"missing": "not installed"` alone.

    Raises:
        ValueError: when `rounds` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"`rounds` must be at least 1. Received: rounds={rounds}")
    results = []
    with progress_bar(len(benchmarks) * rounds, progress, "Benchmarking") as advance:
        for benchmark in benchmarks:
            seconds = _seconds(benchmark.contenders, rounds, advance)
            contenders = [
                _entry(contender, seconds, benchmark.ours.name)
                for contender in (benchmark.ours, *benchmark.others)
            ]
            results.append(
                {
                    "name": benchmark.name,
                    "size": list(benchmark.size),
                    "contenders": contenders,
                }
            )
    return results


def peak_memory(work):
    """Memory that some work takes at its peak, beyond what is in use before it.

    The highest resident memory of this process during the work less that right before
    it. Run in a fresh process on a prepared contender, it counts everything that the
    first call allocates, results and compilation included, and neither the imports nor
    the inputs nor a network's weights.

    Args:
        work: callable without arguments.

    Returns:
        MiB as a float; None on systems other than Linux, where a process cannot reset
        its own peak.
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
    """One benchmark's rows of texts, under `HEADS`.

    Args:
        result: dict of what `run` returned.

    Returns:
        List of lists of str.
    """
    size = "×".join(map(str, result["size"]))
    names = [f"{result['name']} {size}".strip(), *[""] * len(result["contenders"])]
    return [
        [name, *_cells(entry)]
        for name, entry in zip(names, result["contenders"], strict=False)
    ]


def write_json(path, results, command=""):
    """Write results with where and when they were measured, as one whole file.

    Args:
        path: the file.
        results: what `run` returned.
        command: str. The command to record.
    """
    record = {"run": provenance(command), "benchmarks": results}
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")


def _check_device(device):
    if device not in ("cpu", "gpu"):
        raise ValueError(f'`device` must be "cpu" or "gpu". Received: {device!r}')
    if device == "gpu" and not _sees_accelerator():
        raise ValueError(
            f"Keras' backend, {keras.backend.backend()}, sees no accelerator. Install "
            "its GPU build, or measure with `device=\"cpu\"`. Received: device='gpu'"
        )


def _sees_accelerator():
    try:
        with keras.device("gpu:0"):
            place = str(keras.ops.zeros(1).device)
    # Without a GPU TensorFlow quietly uses the CPU, and the others raise errors of
    # their own.
    except Exception:
        return False
    return "cpu" not in place.lower()


def _placed_on(device):
    """Scope that keeps Keras off an accelerator it would take by itself."""
    # Only where there is one: in a scope Keras' PyTorch backend finds no gradients.
    if device == "cpu" and _sees_accelerator():
        return keras.device("cpu:0")
    return contextlib.nullcontext()


def _chosen(benchmarks, only):
    names = [benchmark.name for benchmark in benchmarks]
    unknown = sorted(set(only or names) - set(names))
    if unknown:
        raise ValueError(f"`only` must hold names out of {names}. Received: {unknown}")
    return [benchmark for benchmark in benchmarks if benchmark.name in (only or names)]


def _seconds(contenders, rounds, advance):
    """Seconds by contender and round, of contenders that take turns."""
    works = {contender.name: contender.make() for contender in contenders}
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


def _entry(contender, seconds, ours):
    if not contender.available:
        return {"name": contender.name, "missing": "not installed"}
    values = seconds[contender.name]
    entry = {
        "name": contender.name,
        "version": contender.package and contender.version,
        "seconds": values,
        "median": statistics.median(values),
    }
    if contender.parameters:
        entry["parameters"] = contender.parameters()
    if contender.name != ours:
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


def _memory_of_process(benchmark, contender, size, training_size):
    """Run one contender in a fresh process; give the MiB that its work took."""
    program = f"from {__name__} import _print_memory; _print_memory()"
    arguments = json.dumps([benchmark, contender, size, training_size])
    done = subprocess.run(
        [sys.executable, "-c", program, arguments],
        capture_output=True,
        encoding="utf-8",
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
    )
    if done.returncode:
        raise RuntimeError(
            f"{contender} failed at {benchmark} in a process of its own, with code "
            f"{done.returncode}: {done.stderr[-1000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def _print_memory():
    """What the fresh process does."""
    benchmark, contender, *sizes = json.loads(sys.argv[1])
    (found,) = _chosen(benchmarks(*map(tuple, sizes)), [benchmark])
    (contender,) = [c for c in found.contenders if c.name == contender]
    with _placed_on("cpu"):
        print(json.dumps(peak_memory(contender.make())))


def _resident(field):
    """A figure of this process' resident memory in MiB."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    for line in status.splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
