"""Facts about a run, beside what git and the system say themselves."""

import datetime
import os
import pathlib
import subprocess

import keras
import pytest

import kregzoo
from kregzoo.utils import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of one commit that the package seems to run from."""
    (tmp_path / "package" / "utils").mkdir(parents=True)
    module = tmp_path / "package" / "utils" / "provenance.py"
    module.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(module))
    # As a commit's hook, git would name another repository.
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    someone = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    git(tmp_path, *someone, "commit", "--quiet", "--message", "First")
    return tmp_path


def git(folder, *words):
    done = subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout.strip()


def test_the_commit_is_that_of_the_checkout(checkout):
    # What lies beside the package may be the results of the run.
    (checkout / "results.csv").write_text("1")
    whole = git(checkout, "rev-parse", "HEAD")
    assert len(provenance.commit()) >= 7
    assert whole.startswith(provenance.commit())


def test_changes_of_the_package_are_told(checkout):
    before = provenance.commit()
    (checkout / "package" / "new.py").write_text("x = 1")
    assert provenance.commit() == f"{before} with changes"


def test_without_a_checkout_or_git_the_commit_is_unknown(checkout, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "")
        assert provenance.commit() == "unknown"
    (checkout / ".git").rename(checkout / "gone")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(checkout.parent))
    assert provenance.commit() == "unknown"


def test_a_machine_is_its_processors_and_its_memory():
    psutil = pytest.importorskip("psutil")
    found = provenance.machine()
    gibibytes = round(psutil.virtual_memory().total / 2**30)
    assert found.startswith(f"{psutil.cpu_count()} x ")
    assert found.endswith(f", {gibibytes} GiB")


def test_a_machine_without_a_list_of_processors_has_a_name(monkeypatch):
    def fails(*_, **__):
        raise OSError

    monkeypatch.setattr(pathlib.Path, "read_text", fails)
    monkeypatch.setattr(provenance.platform, "processor", lambda: "")
    assert f" x {os.uname().machine}, " in provenance.machine()


def test_a_run_is_described():
    before = datetime.date.today()
    found = provenance.provenance("kregzoo train")
    assert found["command"] == "kregzoo train"
    assert before <= datetime.date.fromisoformat(found["date"])
    assert found["version"] == kregzoo.__version__
    assert found["backend"].split(", ") == [
        keras.backend.backend(),
        f"Keras {keras.__version__}",
    ]
    assert found["machine"] and found["commit"]
