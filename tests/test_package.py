"""`import kregzoo` is lazy and silent, and registers the classes for Keras."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import kregzoo
from kregzoo.layers import SpatialTransformer
from kregzoo.losses import NCC
from kregzoo.metrics import TRE

LOAD = """
import json, sys, time
sys.argv[0] = "kregzoo"  # The command's name changes nothing.
{before}
start = time.process_time()
{ours}
seconds = time.process_time() - start
import keras, numpy
model = keras.models.load_model({path!r})
total = numpy.sum(model.predict(list(numpy.load({arrays!r}).values()), verbose=0))
print(json.dumps([type(model.loss).__name__, float(total), seconds]))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Save a compiled model with a layer and a loss of kregzoo."""
    folder = tmp_path_factory.mktemp("saved")
    inputs = [keras.Input((8, 8, 1)), keras.Input((8, 8, 2))]
    model = keras.Model(inputs, SpatialTransformer()(inputs))
    model.compile("adam", NCC())
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(size=(1, 8, 8, n)).astype("float32") for n in (1, 2)]
    model.save(folder / "model.keras")
    np.savez(folder / "arrays.npz", *arrays)
    expected = float(np.sum(model.predict(arrays, verbose=0)))
    return str(folder / "model.keras"), str(folder / "arrays.npz"), expected


@pytest.mark.parametrize(
    "before, ours",
    [
        ("", "import kregzoo"),
        ("import keras", "import kregzoo"),
        ("", "from kregzoo.metrics import TRE"),
    ],
)
def test_keras_loads_saved_models_after_any_import(saved, before, ours):
    path, arrays, expected = saved
    done = run(LOAD.format(before=before, ours=ours, path=path, arrays=arrays))
    assert done.returncode == 0, done.stderr
    loss, total, seconds = json.loads(done.stdout)
    assert loss == "NCC" and np.isclose(total, expected, rtol=1e-5)
    if before:
        assert seconds < 0.3
    else:
        # Not even messages of the backend.
        assert done.stderr == ""


def run(code):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )


def test_keras_waits_until_it_is_needed():
    code = "import sys, kregzoo, kregzoo.cli; sys.exit('keras' in sys.modules)"
    assert run(code).returncode == 0


def test_public_names_resolve_when_used():
    assert set(kregzoo.__all__) <= set(dir(kregzoo))
    assert kregzoo.metrics.TRE is TRE
    for name in kregzoo.__all__:
        assert getattr(kregzoo, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        kregzoo.segment  # noqa: B018


def test_editors_see_the_public_names():
    tree = ast.parse(pathlib.Path(kregzoo.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    names = [name.name for line in block.body for name in line.names]
    assert sorted(names) == kregzoo.__all__


def test_every_module_has_a_file_of_tests():
    package = pathlib.Path(kregzoo.__file__).parent
    modules = [path.relative_to(package) for path in package.rglob("*.py")]
    expected = {
        module.with_name(f"test_{module.name}")
        for module in modules
        if module.name not in ("__init__.py", "__main__.py")
    }
    tests = pathlib.Path(__file__).parent
    assert expected
    assert not expected - {path.relative_to(tests) for path in tests.rglob("*.py")}
