"""The import hook, with a module in place of Keras."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
sys.path.insert(0, {folder!r})
from kregzoo.utils.first_import import after_keras

# Importing kregzoo installed a hook of its own.
del sys.meta_path[0]
calls = []

def action():
    calls.append(sorted({{"keras", "needs"}} & set(sys.modules)))

after_keras(action, lambda name: name == "needs")
finders = len(sys.meta_path)
import light
assert not calls
{first}
assert calls == {expected}, calls
assert len(sys.meta_path) == finders - 1
import keras, needs
assert calls == {expected}, calls
assert keras.__loader__ is keras.__spec__.loader
assert type(keras.__loader__).__name__ == "SourceFileLoader"
os.write(2, b"heard")
"""


@pytest.fixture
def folder(tmp_path):
    chatter = "import os\nos.write(2, b'chatter')\n"
    (tmp_path / "keras.py").write_text(chatter)
    (tmp_path / "needs.py").write_text("import keras\n")
    (tmp_path / "light.py").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    "first, expected",
    [
        ("import keras", [["keras"]]),
        ("import needs", [["keras", "needs"]]),
        (
            "import importlib.util; importlib.util.find_spec('keras'); import needs",
            [["keras", "needs"]],
        ),
    ],
)
def test_the_action_follows_the_first_import_in_silence(folder, first, expected):
    code = SCRIPT.format(folder=str(folder), first=first, expected=expected)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"heard")


def test_a_process_without_standard_error_works(folder):
    code = f"""
import os, sys
sys.path.insert(0, {str(folder)!r})
os.close(2)
import kregzoo.utils.first_import as first_import
with first_import.silenced_stderr():
    print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"done\n")
