"""List of all benchmarks."""

import subprocess
import sys
from functools import partial

from kregzoo.evaluation.benchmark_cases.benchmark_case import Benchmark, Implementation
from kregzoo.evaluation.benchmark_cases.networks import forward_passes, training_steps
from kregzoo.evaluation.benchmark_cases.registration import affine_registrations, loads
from kregzoo.evaluation.benchmark_cases.training import drawn_steps
from kregzoo.evaluation.benchmark_cases.warping import integrations, warps

SIZE = (160, 192, 224)
TRAINING_SIZE = (96, 112, 96)


def benchmarks(size=SIZE, training_size=TRAINING_SIZE, device="cpu"):
    """Define all benchmarks. Nothing is prepared yet.

    Args:
        size: tuple of three ints divisible by 16.
        training_size: likewise.
        device: `"cpu"` or `"gpu"`, where PyTorch works.

    Returns:
        List of `Benchmark`.
    """
    found = []
    for gradient in (False, True):
        found += [warps(size, device, gradient), integrations(size, device, gradient)]
    return [
        *found,
        *(forward_passes(size, device, half) for half in (False, True)),
        training_steps(training_size, device),
        drawn_steps(training_size),
        affine_registrations(),
        loads(),
        _imports(),
    ]


def _imports():
    return Benchmark(
        "import",
        # Keras too, because kregzoo delays its import until it is used.
        Implementation("kregzoo", partial(_import, "keras, kregzoo")),
        (Implementation("keras", partial(_import, "keras"), "keras"),),
    )


def _import(modules):
    """Make the callable that imports modules in a fresh process."""
    command = [sys.executable, "-c", f"import {modules}"]
    return lambda: subprocess.run(command, check=True, capture_output=True)
