"""Rights that are lacking, disks that are full, processes that are killed."""

import contextlib
import os
import resource
import signal
import subprocess
import sys

import pytest

from kregzoo import cli
from tests.bad_input.commands import refused


@contextlib.contextmanager
def as_nobody(folder):
    """Without the rights of root, if the tests run as root."""
    if os.geteuid():
        yield
        return
    # pytest keeps its folders to their owner.
    above = {path: path.stat().st_mode for path in list(folder.parents)[:3]}
    for path in above:
        path.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for path, mode in above.items():
            path.chmod(mode)


WRITING = {
    "warp": "warp good.nii.gz still.tfm --like good.nii.gz -o out.nii.gz",
    "register": "register good.nii.gz good.nii.gz -o out/there",
}


def test_a_file_that_may_not_be_read(place, capfd):
    os.chmod("good.nii.gz", 0)
    place.chmod(0o755)
    with as_nobody(place):
        assert "good.nii.gz" in refused(WRITING["warp"].split(), place, capfd)


@pytest.mark.parametrize("command", WRITING.values(), ids=WRITING)
def test_a_folder_that_may_not_be_written(place, capfd, command, registrar):
    # What is imported on the way may lie where nobody else may read.
    assert cli.main(command.replace("out", "first").split()) == 0
    place.chmod(0o555)
    with as_nobody(place):
        assert "Permission denied" in refused(command.split(), place, capfd)
    place.chmod(0o755)


@contextlib.contextmanager
def full_disk(size):
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FULL = {
    "nothing fits": ("warp", 2000),
    "no result fits": ("register", 2000),
    "the last does not fit": ("register", 300_000),
}


@pytest.mark.parametrize(("command", "size"), FULL.values(), ids=FULL)
def test_a_full_disk(place, capfd, command, size, registrar):
    with full_disk(size):
        refused(WRITING[command].split(), place, capfd)


TOO_LARGE = """
import numpy as np
from kregzoo.spatial import DisplacementTransform, Grid

field = DisplacementTransform(np.zeros((20, 20, 20, 3)), Grid.centered((20, 20, 20)))
try:
    field.save("field.h5")
except OSError:
    print("refused")
"""


def test_a_process_outlives_a_full_disk(place):
    # HDF5 tries to write again when a process ends, and crashes.
    with full_disk(100_000):
        done = subprocess.run(
            [sys.executable, "-c", TOO_LARGE],
            cwd=place,
            capture_output=True,
            encoding="utf-8",
        )
    assert (done.returncode, done.stdout) == (0, "refused\n")
    assert not (place / "field.h5").exists()


KILLED = """
import os, sys
import kregzoo
from kregzoo.registrars import Registration
from kregzoo.spatial import AffineTransform
import numpy as np

Registration.to_html = lambda self: os.kill(os.getpid(), 9)
images = [kregzoo.spatial.as_image("good.nii.gz")] * 2
Registration(*images, AffineTransform(np.eye(4)), {}).save("out")
"""


def test_a_run_killed_while_it_writes(place):
    (place / "out").mkdir()
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=place, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    # Three of four files were written, and none of them is to be seen.
    assert list((place / "out").iterdir()) == []
