import json

import pytest

from kregzoo import cli
from kregzoo.evaluation import portability, write_results


@pytest.mark.slow
def test_the_command_measures_a_preset(tmp_path, capsys):
    path = tmp_path / "results" / "portability.json"
    path.parent.mkdir()
    assert cli.main(["portability", "dirnet_cardiac_cine", "-o", str(path)]) == 0
    record = json.loads(path.read_text())
    assert record["run"]["command"] == "kregzoo portability dirnet_cardiac_cine"
    backends, exported = record["tables"]["backends"], record["tables"]["export"]
    assert backends[0]["backend"] == "tensorflow"
    assert all(row["difference in voxels, mean"] < 1e-3 for row in backends)
    assert [row["format"] for row in exported] == list(portability.FORMATS)
    assert all(row["difference, largest"] < 1e-3 for row in exported)
    # A network of two axes has no cubes.
    assert record["tables"]["memory"] == []
    text = write_results(tmp_path).read_text()
    assert "## Backends, formats and memory" in text
    assert "| dirnet_cardiac_cine | onnx |" in text
