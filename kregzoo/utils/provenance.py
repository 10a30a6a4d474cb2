"""Provenance of trained weights and measurements."""

import datetime
import json
import os
import pathlib
import platform
import subprocess
from importlib import metadata

import keras

from kregzoo.utils.files import atomic


def provenance(command):
    """Collect the provenance of this run.

    Args:
        command: str. The command to record.

    Returns:
        Dict of strings: `command`, `date`, `version`, `commit`, `machine` and
        `backend`.
    """
    return {
        "command": command,
        "date": datetime.date.today().isoformat(),
        "version": metadata.version("kregzoo"),
        "commit": commit(),
        "machine": machine(),
        "backend": f"{keras.backend.backend()}, Keras {keras.__version__}",
    }


def write_record(path, command, **content):
    """Write measurements and the facts about their run to a JSON file.

    Args:
        path: the file.
        command: str. The command that was given.
        **content: The measurements.
    """
    record = {"run": provenance(command), **content}
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def machine():
    """Describe the processors and the memory, such as `"2 x AMD EPYC, 8 GiB"`."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {_processor()}, {memory:.0f} GiB"


def _processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def commit():
    """Return the commit of the checkout that this package runs from, if it is one."""
    folder = pathlib.Path(__file__).parent
    git = ["git", "-C", str(folder)]
    try:
        revision = _output([*git, "rev-parse", "--short", "HEAD"])
        # Only the package, because the run may write results to the same checkout.
        changed = _output([*git, "status", "--porcelain", "--", str(folder.parent)])
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return revision + (" with changes" if changed else "")


def _output(command):
    result = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    return result.stdout.strip()
