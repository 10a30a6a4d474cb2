# %% [markdown]
# # Serve registrations
#
# Needs TensorFlow and `pip install ".[demo]"`. To register in a browser, on this
# machine or, with `--host 0.0.0.0`, on the local network, run
#
#     kregzoo app
#
# This tutorial serves programs: registration over HTTP, and the network alone as a
# SavedModel, for TensorFlow Serving or any other runtime.

# %%
import http.server
import io
import pathlib
import tempfile
import threading
import urllib.request
import zipfile

import numpy as np
import tensorflow as tf

import kregzoo
from kregzoo import demo
from kregzoo.models import VoxelMorph
from kregzoo.spatial import Image

work = pathlib.Path(tempfile.mkdtemp())
registrar = kregzoo.load("voxelmorph_brain_t1")
template, tissues = demo.read_anatomy()
grid = template.grid.resampled(2.0)
pair = demo.known_pair(
    template.resample(grid), tissues.resample(grid, interpolation="nearest"), seed=3
)

# %% [markdown]
# ## Whole registrations
#
# The server receives two NIfTI files in a zip archive, and returns the files that
# `result.save` writes: the warped image, the transform and the metrics. It answers an
# unusable file with status 400 and an error message.


# %%
class Registrations(http.server.BaseHTTPRequestHandler):
    LIMIT = 200 * 2**20
    # One at a time: each takes all cores.
    turn = threading.Lock()

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        if not 0 < size < self.LIMIT:
            return self.answer(413, b"too large", "text/plain")
        body = io.BytesIO(self.rfile.read(size))
        with tempfile.TemporaryDirectory() as folder, self.turn:
            try:
                moving, fixed = received(body, pathlib.Path(folder))
                result = registrar.register(moving, fixed, progress=False)
            except ValueError as error:
                return self.answer(400, str(error).encode(), "text/plain")
            paths = result.save(f"{folder}/out")
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w") as target:
                for path in paths:
                    target.write(path, path.name)
        self.answer(200, archive.getvalue(), "application/zip")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def received(body, folder):
    """Write the two files of an archive, by names of our own."""
    paths = []
    try:
        with zipfile.ZipFile(body) as archive:
            for name in ("moving.nii.gz", "fixed.nii.gz"):
                if archive.getinfo(name).file_size > Registrations.LIMIT:
                    raise ValueError(f"{name} is too large")
                paths.append(folder / name)
                paths[-1].write_bytes(archive.read(name))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(
            f"send a zip of moving.nii.gz and fixed.nii.gz: {error}"
        ) from error
    return paths


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registrations)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"

# %% [markdown]
# The client needs neither kregzoo nor Keras:

# %%
for name, image in (("moving", pair.moving), ("fixed", pair.fixed)):
    image.write(work / f"{name}.nii.gz")
request = io.BytesIO()
with zipfile.ZipFile(request, "w") as archive:
    for name in ("moving.nii.gz", "fixed.nii.gz"):
        archive.write(work / name, name)
with urllib.request.urlopen(address, request.getvalue()) as response:
    with zipfile.ZipFile(io.BytesIO(response.read())) as archive:
        archive.extractall(work / "answer")
print(sorted(path.name for path in (work / "answer").iterdir()))
warped = Image.read(work / "answer/warped.nii.gz")


def correlation(image):
    return np.corrcoef(image.array.ravel(), pair.fixed.array.ravel())[0, 1]


print(f"correlation {correlation(pair.moving):.3f} to {correlation(warped):.3f}")
try:
    urllib.request.urlopen(address, b"no archive")
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
server.shutdown()

# %% [markdown]
# ## The network alone
#
# A SavedModel runs without kregzoo and Keras. It has a fixed size, here that of this
# pair, and takes the input of the network: aligned images in [0, 1] on the canonical
# grid. The preprocessor computes them. For programs in other languages,
# `preprocessor.json` in the preset describes the steps.

# %%
frame = registrar.preprocessor
canonical = frame.canonical_grid(pair.fixed)
tensors = {
    name: frame.normalize(image).resample(canonical).array[None, ..., None]
    for name, image in (("moving", pair.moving), ("fixed", pair.fixed))
}
network = VoxelMorph(
    (*canonical.shape, 1), **registrar.preset.config["arguments"], weights="brain_t1"
)
network.export(str(work / "saved_model"), verbose=False)
served = tf.saved_model.load(str(work / "saved_model"))
answer = served.serve({name: tf.constant(x, "float32") for name, x in tensors.items()})
ours = registrar.model(tensors)["displacement"]
print(f"differs by {float(np.abs(answer['displacement'] - ours).max()):.1e} voxels")
