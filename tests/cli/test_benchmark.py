import json

import pytest

from kregzoo import cli
from kregzoo.evaluation import benchmark


def test_benchmark_prints_and_writes_what_was_asked(tmp_path, capsys):
    path = tmp_path / "speed.json"
    words = ["benchmark", "--only", "load", "--rounds", "2", "-o", str(path)]
    assert cli.main(words) == 0
    assert "load" in capsys.readouterr().out
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["run"]["command"] == "kregzoo benchmark --rounds 2 --only load"
    assert len(record["benchmarks"][0]["implementations"][0]["seconds"]) == 2
    assert cli.main(["benchmark", "--only", "nothing"]) == 2
    assert "nothing" in capsys.readouterr().err


def test_what_was_measured_before_a_crash_is_kept(tmp_path, monkeypatch):
    seconds = benchmark._seconds
    done = []

    def crash_at_the_second(*arguments):
        done.append(arguments)
        if len(done) == 2:
            raise MemoryError
        return seconds(*arguments)

    monkeypatch.setattr(benchmark, "_seconds", crash_at_the_second)
    path = tmp_path / "speed.json"
    words = ["benchmark", "--only", "load", "import", "--rounds", "1", "-o", str(path)]
    with pytest.raises(MemoryError):
        cli.main(words)
    (found,) = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    assert found["name"] == "load"


def test_the_folder_of_the_output_must_exist(tmp_path, capsys):
    path = tmp_path / "none" / "speed.json"
    assert cli.main(["benchmark", "--only", "load", "-o", str(path)]) == 2
    assert f"folder must exist. Received: {path}" in capsys.readouterr().err
