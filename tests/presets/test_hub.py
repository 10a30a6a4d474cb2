"""The Hugging Face Hub, as far as presets need it: a server on this machine."""

import base64
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from kregzoo import zoo
from kregzoo.models import VoxelMorph
from kregzoo.presets.preset import HASHED, Preset
from kregzoo.spatial import Preprocessor

ARGUMENTS = {"variant": "vm1", "half_resolution": True, "integration_steps": 0}
ADDRESS = "hf://someone/a_preset"
COMMIT_HASH = "1" * 40
COMMIT = "https://huggingface.co/someone/a_preset/commit/1"
LOAD = """
import sys, kregzoo
registrar = kregzoo.load("hf://someone/a_preset")
print(registrar, float(sum(abs(w.numpy()).sum() for w in registrar.model.weights)))
"""


class Hub(http.server.BaseHTTPRequestHandler):
    """Keeps one repository's files in memory."""

    files = {}
    made = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/api/repos/create":
            self.made.append(json.loads(body)["name"])
            return self.answer({"url": "https://huggingface.co/someone/a_preset"})
        if "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = [
                {"path": n, "uploadMode": "regular", "shouldIgnore": False}
                for n in names
            ]
            return self.answer({"files": modes})
        if "/commit/" not in self.path:
            return self.answer({"errors": [], "warnings": []})
        for line in body.splitlines():
            operation = json.loads(line)
            if operation["key"] == "file":
                value = operation["value"]
                self.files[value["path"]] = base64.b64decode(value["content"])
        return self.answer({"commitUrl": COMMIT, "commitOid": COMMIT_HASH})

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            siblings = [{"rfilename": name} for name in self.files]
            about = {"id": "someone/a_preset", "sha": COMMIT_HASH, "siblings": siblings}
            if "/tree/" in path:
                return self.answer(
                    [
                        {
                            "type": "file",
                            "path": name,
                            "size": len(content),
                            "oid": hashlib.sha1(content).hexdigest(),
                        }
                        for name, content in self.files.items()
                    ]
                )
            return self.answer(about)
        content = self.files.get(path.rpartition("/")[2])
        if content is None:
            return self.answer({"error": "Entry not found"}, 404)
        self.reply(content, "application/octet-stream")

    def answer(self, value, status=200):
        self.reply(json.dumps(value).encode(), "application/json", status)

    def reply(self, content, kind, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT_HASH)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Hub.files.clear()
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    found.server_close()


@pytest.fixture
def preset(tmp_path):
    model = VoxelMorph((16, 16, 1), **ARGUMENTS)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    found = Preset(
        name="a_preset",
        folder=tmp_path / "a_preset",
        config={"system": "voxelmorph", "arguments": ARGUMENTS},
        preprocessor=Preprocessor(2.0, ((16, 16),)),
        metadata={"system": "voxelmorph", "metrics": {}},
    )
    found.write(model, "# A card\n")
    return found, float(sum(np.abs(w).sum() for w in model.get_weights()))


def run(program, server, home, *arguments):
    """A process of its own: huggingface_hub reads its settings when it is imported."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": server,
        "HF_HOME": str(home),
        "HF_TOKEN": "hf_secret",
        "HF_HUB_DISABLE_XET": "1",
        "KERAS_BACKEND": "tensorflow",
    }
    return subprocess.run(
        [sys.executable, *program, *arguments],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def test_what_is_pushed_is_loaded_and_kept(server, preset, tmp_path):
    written, total = preset
    (written.folder / "training").mkdir()
    (written.folder / "training/checkpoint.npz").write_bytes(b"not to be pushed")
    command = ["-m", "kregzoo.cli", "push"]
    pushed = run(command, server, tmp_path / "home", str(written.folder), ADDRESS)
    assert pushed.returncode == 0, pushed.stderr
    assert COMMIT.partition("co")[2] in pushed.stdout
    assert Hub.made == ["a_preset"]
    assert set(Hub.files) >= {*HASHED, "metadata.json", "README.md"}
    assert not any("training" in name for name in Hub.files)
    loaded = run(["-c", LOAD], server, tmp_path / "home")
    assert loaded.returncode == 0, loaded.stderr
    name, _, found = loaded.stdout.strip().rpartition(" ")
    assert name == "<OneStepRegistrar a_preset>"
    # float16 keeps eleven bits.
    assert float(found) == pytest.approx(total, rel=2**-11)
    # Without the hub, from the cache.
    again = run(["-c", LOAD], "http://127.0.0.1:9", tmp_path / "home")
    assert again.stdout == loaded.stdout, again.stderr


def test_what_was_changed_on_the_way_is_refused(server, preset, tmp_path):
    written, _ = preset
    for name in (*HASHED, "metadata.json", "README.md"):
        Hub.files[name] = (written.folder / name).read_bytes()
    Hub.files["config.json"] += b" "
    loaded = run(["-c", LOAD], server, tmp_path / "home")
    assert "config.json" in loaded.stderr and "sha256" in loaded.stderr


def test_a_hub_out_of_reach_is_told_in_one_line(preset, tmp_path):
    command = ["-m", "kregzoo.cli", "push", str(preset[0].folder), ADDRESS]
    pushed = run(command, "http://127.0.0.1:9", tmp_path / "home")
    assert pushed.returncode == 2
    line = pushed.stderr.splitlines()[-1]
    assert line.startswith("kregzoo: error: The hub request failed") and ADDRESS in line
    assert "Traceback" not in pushed.stderr


@pytest.mark.parametrize("address", ["hf://", "hf://a", "hf://a/b/c", "a/b", "hf:///b"])
def test_addresses_have_an_owner_and_a_name(preset, address):
    with pytest.raises(ValueError, match="owner/name.*Received"):
        zoo.push(preset[0].folder, address)


def test_only_presets_are_pushed(tmp_path):
    with pytest.raises(ValueError, match="metadata.json"):
        zoo.push(tmp_path, ADDRESS)
