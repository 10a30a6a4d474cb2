import json
import time

import pytest

from kregzoo import evaluation
from kregzoo.evaluation import Method, run
from kregzoo.registrars.registration import Registration
from tests.known_data import Shift, method


def test_every_pair_is_measured_by_every_method(known_data, tmp_path):
    methods = [method("none", Shift(0)), method("all", Shift(1))]
    table = evaluation.evaluate(
        methods, known_data, tmp_path, "a command", progress=False
    )
    # Dice and HD95 of two structures; folds inside and in total, SDlogJ and seconds.
    assert len(table.rows) == 2 * 2 * (2 * 2 + 4)
    dice = table.values("dice")
    assert list(dice) == ["none", "all"]
    assert set(dice["all"]) == {"moving0 to fixed0", "moving1 to fixed1"}
    assert min(dice["all"].values()) > 0.995 > 0.9 > max(dice["none"].values())
    times = [row["value"] for row in table.rows if row["metric"] == "seconds"]
    assert len(times) == 4 and min(times) > 0
    record = json.loads((tmp_path / "known.json").read_text(encoding="utf-8"))
    assert record["data"]["title"] == "Blobs" and record["data"]["pairs"] == 2
    persons = {f"moving{n} to fixed{n}": [f"moving{n}", f"fixed{n}"] for n in range(2)}
    assert record["data"]["persons"] == persons and record["data"]["groups"] == {}
    assert record["methods"]["all"] == {"package": "test 1"}
    assert record["run"]["command"] == "a command" and record["run"]["machine"]


def test_fewer_pairs_may_be_asked_for(known_data, tmp_path):
    run = Shift(1)
    evaluation.evaluate(
        [method("a", run)], known_data, tmp_path, count=1, progress=False
    )
    assert run.runs == 1


def test_presets_are_timed_with_the_report_on_the_first_pairs(
    known_data, tmp_path, monkeypatch
):
    class Reporting(Shift):
        """A network whose report takes a tenth of a second."""

        def __call__(self, moving, fixed, folder):
            super().__call__(moving, fixed, folder)
            time.sleep(0.1)
            return Registration(None, None, None, {"network": 0.02, "total": 0.1})

    monkeypatch.setattr(run, "REPORTED", 1)
    quiet, reporting = Shift(1), Reporting(1)
    methods = [Method("ours", quiet, {}, reporting), method("theirs", Shift(1))]
    table = evaluation.evaluate(methods, known_data, tmp_path, progress=False)
    assert (quiet.runs, reporting.runs) == (2, 1)
    first = {"moving0 to fixed0": 0.02}
    assert table.values("seconds_network") == {"ours": first}
    (seconds,) = table.values("seconds_report")["ours"].values()
    assert 0.1 < seconds < 5
    assert set(table.values("seconds")) == {"ours", "theirs"}
    text = evaluation.summary(table)
    assert "| seconds of the network, median | seconds, median |" in text


def test_a_failure_is_recorded_and_retried(known_data, tmp_path):
    broken, sound = Shift(1, fails_on="moving0"), Shift(1)
    methods = [method("broken", broken), method("sound", sound)]
    table = evaluation.evaluate(methods, known_data, tmp_path, progress=False)
    (failure,) = table.failures
    assert (failure["pair"], failure["method"]) == ("moving0 to fixed0", "broken")
    assert failure["value"] == "RuntimeError: tool.hxx:3: no overlap"
    assert len(table.values("dice")["broken"]) == 1
    assert "broken, moving0 to fixed0: RuntimeError" in evaluation.summary(table)
    broken.fails_on = ""
    table = evaluation.evaluate(methods, known_data, tmp_path, progress=False)
    assert not table.failures
    assert (broken.runs, sound.runs) == (3, 2)


def test_a_stopped_run_is_resumed(known_data, tmp_path):
    class Stopped(Shift):
        def __call__(self, moving, fixed, folder):
            if self.runs == 1:
                raise KeyboardInterrupt
            return super().__call__(moving, fixed, folder)

    first, second = Stopped(1), Shift(1)
    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate([method("a", first)], known_data, tmp_path, progress=False)
    rows = evaluation.read_rows(tmp_path / "known.csv")
    assert {row["pair"] for row in rows} == {"moving0 to fixed0"}
    evaluation.evaluate([method("a", second)], known_data, tmp_path, progress=False)
    assert second.runs == 1


def test_rows_of_another_commit_are_measured_again(known_data, tmp_path):
    run = Shift(1)
    methods = [method("a", run)]
    evaluation.evaluate(methods, known_data, tmp_path, progress=False)
    path = tmp_path / "known.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["run"]["commit"] = "another"
    path.write_text(json.dumps(record))
    evaluation.evaluate(methods, known_data, tmp_path, progress=False)
    assert run.runs == 4


def test_results_of_another_commit_are_kept_if_asked(known_data, tmp_path):
    old, new = Shift(1), Shift(1)
    kept, added = method("kept", old), method("added", new)
    folder = tmp_path / "results"
    evaluation.evaluate([kept], known_data, folder, progress=False)
    path = folder / "known.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["run"] |= {"commit": "abc1234", "date": "2001-02-03"}
    path.write_text(json.dumps(record))
    for _ in range(2):
        table = evaluation.evaluate(
            [kept, added], known_data, folder, progress=False, keep=True
        )
        assert (old.runs, new.runs) == (2, 2)
        assert table.record["runs"] == {"kept": record["run"]}
    text = evaluation.write_results(tmp_path).read_text(encoding="utf-8")
    assert "Measured on 2001-02-03 at commit abc1234: `kept`.\n\n- `kept`" in text
    record["data"]["title"] = "Other blobs"
    path.write_text(json.dumps(record))
    evaluation.evaluate([kept], known_data, folder, progress=False, keep=True)
    assert old.runs == 4


def test_results_of_other_versions_and_methods_are_dropped(known_data, tmp_path):
    old, new = Shift(0), Shift(1)
    evaluation.evaluate(
        [method("a", old), method("b", old)], known_data, tmp_path, progress=False
    )
    newer = method("a", new, version="2")
    table = evaluation.evaluate([newer], known_data, tmp_path, progress=False)
    assert new.runs == 2
    assert {row["method"] for row in table.rows} == {"a"}
