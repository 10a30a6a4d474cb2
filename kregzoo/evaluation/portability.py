"""Compare the presets on every backend and in every format, and measure memory.

Each row is measured in a separate process, because a process has only one backend and
one peak memory. All presets register a deformed copy of the MNI152 template of nilearn,
or the middle slice. Networks for other organs do not align the template, but must give
the same result everywhere.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

from kregzoo import ops, zoo
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Grid,
    Image,
)
from kregzoo.training import Pose
from kregzoo.utils.extras import import_extra
from kregzoo.utils.progress import progress_bar

# The module of each backend. The first backend is the reference.
BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
FORMATS = ("tf_saved_model", "onnx", "litert")
# Voxels of 1 mm along each axis.
SIZES = (128, 192, 256)
TABLES = {
    "backends": ("preset", "backend", "difference in voxels, mean", "seconds"),
    "export": ("preset", "format", "difference, largest", "MiB"),
    "memory": ("preset", "voxels of 1 mm", "peak GiB of the process", "seconds"),
}


def measure(presets=None, sizes=SIZES, progress=True):
    """Measure backends, formats and sizes.

    Args:
        presets: names of presets. Defaults to all that can be exported.
        sizes: ints. Voxels of 1 mm along each axis of the cubes to register.
        progress: bool. Show a progress bar.

    Returns:
        Dict of three lists of dicts, under the keys of `TABLES` and their heads.

    Raises:
        ImportError: If nilearn is not installed.
    """
    names = list(presets or _exportable_presets())
    backends = [b for b, module in BACKENDS.items() if importlib.util.find_spec(module)]
    in_space = [r.name for r in zoo.list_models() if r.name in names and r.ndim == 3]
    jobs = [("backends", name, b) for name in names for b in backends]
    jobs += [("export", name, f) for name in names for f in FORMATS]
    jobs += [("memory", name, str(size)) for name in in_space for size in sizes]
    rows = {table: [] for table in TABLES}
    with (
        tempfile.TemporaryDirectory() as folder,
        progress_bar(len(jobs), progress, "Measuring") as advance,
    ):
        for table, name, what in jobs:
            values = _in_process(table, name, what, folder)
            rows[table].append(
                dict(zip(TABLES[table], (name, what, *values), strict=True))
            )
            advance()
    return rows


def texts(row):
    """Format one row, in the order of its table's heads."""
    return [f"{x:.3g}" if isinstance(x, float) else str(x) for x in row.values()]


def _exportable_presets():
    return [
        record.name
        for record in zoo.list_models()
        if record.task == "register" and "export" in zoo.load(record.name).capabilities
    ]


def _in_process(table, name, what, folder):
    """Measure the values of one row in a fresh process."""
    backend = what if table == "backends" else "tensorflow"
    program = f"from {__name__} import _print_values; _print_values()"
    done = subprocess.run(
        [sys.executable, "-c", program, table, name, what, folder],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode:
        return "failed", done.stderr.strip().splitlines()[-1]
    return json.loads(done.stdout.splitlines()[-1])


def _print_values():
    """Measure one row in the fresh process."""
    table, name, what, folder = sys.argv[1:]
    print(json.dumps(MEASURES[table](name, what, pathlib.Path(folder))))


def _measure_backend(name, backend, folder):
    """Return the difference to the field of the first backend, and the seconds."""
    registrar = zoo.load(name)
    moving, fixed = known_pair(registrar.preprocessor.ndim)
    registrar.register(moving, fixed, progress=False)
    start = time.perf_counter()
    result = registrar.register(moving, fixed, progress=False)
    seconds = time.perf_counter() - start
    field = result.transform.displacement_on(fixed.grid)
    path = folder / f"{name}.npy"
    if not path.exists():
        np.save(path, field)
    distances = np.linalg.norm((field - np.load(path)) / fixed.grid.spacing, axis=-1)
    return float(distances.mean()), seconds


def _measure_export(name, format, folder):
    """Return the difference to the outputs of the network, and the size in MiB."""
    registrar = zoo.load(name)
    path = registrar.export(folder / f"{name}-{format}", format)
    shape = json.loads((path.parent / "interface.json").read_text())["inputs"]["fixed"]
    moving, fixed = known_pair(registrar.preprocessor.ndim)
    pair = {
        role: _cropped(registrar.preprocessor.normalize(image).array, shape)
        for role, image in (("moving", moving), ("fixed", fixed))
    }
    expected = registrar.model(pair, training=False)
    found = RUNTIMES[format](path, pair)
    difference = max(float(np.abs(found[k] - x).max()) for k, x in expected.items())
    files = [path] if path.is_file() else path.rglob("*")
    return difference, sum(file.stat().st_size for file in files) / 2**20


def _cropped(array, shape):
    """Crop or zero-pad an array to a shape, and add a batch axis."""
    result = np.zeros(shape, "float32")
    part = tuple(
        slice(min(have, want))
        for have, want in zip(array.shape, shape[1:-1], strict=True)
    )
    result[0][(*part, 0)] = array[part]
    return result


def _measure_memory(name, size, folder):
    """Return the peak memory in GiB of registering two cubes, and the seconds."""
    import resource

    moving, fixed = known_pair(3)
    grid = Grid.centered((int(size),) * 3, 1.0, fixed.grid.center)
    for role, image in (("moving", moving), ("fixed", fixed)):
        image.resample(grid).write(folder / f"{role}.nii.gz")
    registrar = zoo.load(name)
    start = time.perf_counter()
    result = registrar.register(
        folder / "moving.nii.gz", folder / "fixed.nii.gz", progress=False
    )
    result.warped.write(folder / "warped.nii.gz")
    result.transform.save(folder / "transform.h5")
    seconds = time.perf_counter() - start
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, seconds


def _run_saved_model(path, pair):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    return {name: x.numpy() for name, x in loaded.serve(pair).items()}


def _run_onnx(path, pair):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, pair), strict=True))


def _run_litert(path, pair):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(str(path)).get_signature_runner()(**pair)


RUNTIMES = dict(zip(FORMATS, (_run_saved_model, _run_onnx, _run_litert), strict=True))
MEASURES = {
    "backends": _measure_backend,
    "export": _measure_export,
    "memory": _measure_memory,
}


def known_pair(ndim):
    """Return the MNI152 template at 2 mm, or one slice, with and without deformation.

    Args:
        ndim: int, 2 or 3.

    Returns:
        Pair of `Image`, moving and fixed.

    Raises:
        ImportError: If nilearn is not installed.
    """
    datasets = import_extra("nilearn.datasets", "The portability test", "bench")
    fixed = Image.from_nibabel(datasets.load_mni152_template(resolution=2))
    if ndim == 2:
        middle = fixed.array[:, :, fixed.array.shape[2] // 2]
        fixed = Image.from_array(middle, affine=np.diag([2.0, 2.0, 1.0]))
    rng = np.random.default_rng(3)
    motion = Pose(rotation=4.0, scale=0.03, shift=3.0).draw(rng, fixed.grid.center)
    coarse = rng.normal(scale=2.0, size=(1, *(5,) * ndim, ndim)).astype("float32")
    field = np.asarray(ops.resize(coarse, fixed.grid.shape))[0]
    bend = DisplacementTransform(field, fixed.grid)
    truth = CompositeTransform([bend, AffineTransform(motion)])
    return truth.apply(fixed, fixed.grid, "linear"), fixed
