"""Where and when figures were measured."""

import datetime
import os
import pathlib
import platform
import subprocess

import keras

from kregzoo import __version__


def provenance(command):
    """Facts about this run, to stand beside its figures.

    Args:
        command: str. The command that was given.

    Returns:
        Dict of strings: `command`, `date`, `version`, `commit`, `machine` and
        `backend`.
    """
    return {
        "command": command,
        "date": datetime.date.today().isoformat(),
        "version": __version__,
        "commit": _commit(),
        "machine": machine(),
        "backend": f"{keras.backend.backend()}, Keras {keras.__version__}",
    }


def machine():
    """One line on the processors and the memory, such as `"2 x AMD EPYC, 8 GiB"`."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {_processor()}, {memory:.0f} GiB"


def _processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def _commit():
    """The commit of the checkout that this package runs from, if it is one."""
    folder = pathlib.Path(__file__).parent
    git = ["git", "-C", str(folder)]
    try:
        commit = _output([*git, "rev-parse", "--short", "HEAD"])
        # Only of this package: tables that the run itself writes are no change of it.
        changed = _output([*git, "status", "--porcelain", "--", str(folder.parent)])
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + (" with changes" if changed else "")


def _output(command):
    result = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    return result.stdout.strip()
