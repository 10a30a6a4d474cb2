import json

from kregzoo import cli
from tests.cli.small_files import contents


def test_evaluate_measures_and_reports(known_data, tmp_path, capsys, monkeypatch):
    from kregzoo.evaluation import selection
    from kregzoo.evaluation.baselines import registry
    from kregzoo.protocols import HELD_OUT_PAIRS
    from tests.known_data import Shift, method

    def presets(name, refine, protocol):
        assert refine == 3 and protocol is HELD_OUT_PAIRS
        return [method(name, Shift(1.0), weights="abc")]

    monkeypatch.setattr(registry, "preset_methods", presets)
    monkeypatch.setattr(selection, "_declared_by_preset", lambda name: [HELD_OUT_PAIRS])
    monkeypatch.chdir(tmp_path)
    words = f"evaluate good --data {known_data} --baselines iterative-affine --refine 3"
    assert cli.main([*words.split(), "--out", "out"]) == 0
    assert contents(tmp_path / "out") >= {"RESULTS.md", "known.csv", "known_dice.png"}
    printed = capsys.readouterr().out
    assert "good" in printed and "iterative-affine" in printed
    results = (tmp_path / "out" / "RESULTS.md").read_text(encoding="utf-8")
    command = (
        f"kregzoo evaluate good --data {known_data.name} --baselines iterative-affine"
    )
    assert (
        f"{command} --refine 3 --out OUT" in results and str(known_data) not in results
    )
    path = tmp_path / "out" / "results" / "known.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["run"]["commit"] = "abc1234"
    path.write_text(json.dumps(record))
    assert cli.main([*words.split(), "--out", "out", "--keep"]) == 0
    results = (tmp_path / "out" / "RESULTS.md").read_text(encoding="utf-8")
    assert "at commit abc1234: `" in results


def test_what_is_wrong_is_named(tmp_path, capsys, known_data):
    assert cli.main(["evaluate", "--data", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert "dataset.json" in capsys.readouterr().err
    words = f"evaluate --data {known_data} --baselines ant -o {tmp_path / 'out'}"
    assert cli.main(words.split()) == 2
    assert "Received: ant" in capsys.readouterr().err
    words = f"evaluate --data {known_data} --record --pairs 2 -o {tmp_path / 'out'}"
    assert cli.main(words.split()) == 2
    assert "--record with --pairs 2" in capsys.readouterr().err
    words = f"evaluate --data {known_data} {known_data} -o {tmp_path / 'out'}"
    assert cli.main(words.split()) == 2
    assert "data folders must have different names" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
