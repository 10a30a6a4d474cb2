"""The folder of real images, for tests marked `real_data`."""

import os
from pathlib import Path

import pytest

from tests.known_data import known_data  # noqa: F401


@pytest.fixture(scope="session")
def data_root():
    """The folder named by `KREGZOO_DATA`."""
    return Path(os.environ["KREGZOO_DATA"])


def pytest_collection_modifyitems(items):
    # A clone has no real images; whoever sets KREGZOO_DATA gets every test.
    if "KREGZOO_DATA" not in os.environ:
        absent = pytest.mark.skip(reason="KREGZOO_DATA is not set")
        for item in items:
            if item.get_closest_marker("real_data"):
                item.add_marker(absent)
