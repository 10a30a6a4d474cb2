import pytest

from kregzoo.registrars import OneStepRegistrar
from tests.registrars.untrained import FRAME, network


@pytest.fixture(scope="module")
def simple():
    """A registrar of a 2-D network that was never trained."""
    return OneStepRegistrar(network("half displacement", 2), FRAME[2])
