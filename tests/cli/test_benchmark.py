import json

from kregzoo import cli


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


def test_the_folder_of_the_output_must_exist(tmp_path, capsys):
    path = tmp_path / "none" / "speed.json"
    assert cli.main(["benchmark", "--only", "load", "-o", str(path)]) == 2
    assert f"folder must exist. Received: {path}" in capsys.readouterr().err
