import pytest

from kregzoo.training import checkpoints, trainers
from tests.training import tiny


@pytest.fixture
def few_steps(monkeypatch):
    """Puts back what `tiny.run` sets."""
    monkeypatch.setattr(trainers, "STEPS_PER_EPOCH", tiny.STEPS_PER_EPOCH)
    monkeypatch.setattr(checkpoints, "WRITE_EVERY", 0.0)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A run that nothing interrupted: its folder, its model and its seconds."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainers, "STEPS_PER_EPOCH", tiny.STEPS_PER_EPOCH)
        patch.setattr(checkpoints, "WRITE_EVERY", 0.0)
        trained = tiny.run(folder)
    return folder, trained.model, trained.seconds
