"""Skip tests marked `real_data` or `browser` if their requirements are missing."""

import os
import shutil
from pathlib import Path

import pytest

from tests.known_data import contrasts, known_data, volumes  # noqa: F401
from tests.small_preset import preset_folder, small_preset  # noqa: F401


@pytest.fixture(scope="session")
def data_root():
    """Return the folder `KREGZOO_DATA`."""
    return Path(os.environ["KREGZOO_DATA"])


def pytest_collection_modifyitems(items):
    # A clone has no real images. With KREGZOO_DATA, all tests run.
    absent = {}
    if "KREGZOO_DATA" not in os.environ:
        absent["real_data"] = pytest.mark.skip(reason="KREGZOO_DATA is not set")
    if not shutil.which("chromium"):
        absent["browser"] = pytest.mark.skip(reason="no chromium on the PATH")
    for item in items:
        for name, skip in absent.items():
            if item.get_closest_marker(name):
                item.add_marker(skip)
