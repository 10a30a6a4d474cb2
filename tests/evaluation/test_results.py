import json

import numpy as np
import pytest

import kregzoo
from kregzoo import evaluation
from kregzoo.evaluation.benchmark import write_json
from kregzoo.evaluation.preset_table import HEADINGS, preset_rows, preset_table
from kregzoo.evaluation.results import BEGIN, END

PRESET = kregzoo.list_models()[0].name
DICE = {
    "identity": 0.3,
    "centres": 0.4,
    "iterative-affine": 0.5,
    "ants-syn": 0.6,
    PRESET: 0.65,
    f"{PRESET} refine=50": 0.7,
}
PAIRS = 8


def write_table(folder, tre=False, labels=(1, 2)):
    """A table whose means are known: noise that sums to zero over the pairs."""
    noise = np.random.default_rng(0).normal(0, 0.01, PAIRS)
    noise -= noise.mean()
    rows = [
        {
            "pair": f"p{pair}",
            "method": method,
            "label": label,
            "metric": metric,
            "value": value,
        }
        for pair in range(PAIRS)
        for method, dice in DICE.items()
        for label, metric, value in [
            *(
                (label, "dice", dice + noise[pair] + (0.05 if label == 1 else -0.05))
                for label in labels
            ),
            *((label, "hd95", 5 * (1 - dice)) for label in labels),
            (None, "tre", 10 * (1 - dice) + noise[pair]),
            (None, "folded_percent", 0.01),
            (None, "sd_log_j", 0.2),
            (None, "seconds", 100.0 if pair == 0 else 4.0),
        ]
        if metric != "tre" or tre
    ]
    folder.mkdir(parents=True)
    evaluation.write_rows(folder / "blobs.csv", rows)
    methods = {name: {"package": "test 1"} for name in DICE}
    for name in list(DICE)[-2:]:
        methods[name]["weights"] = "abc"
    keys = ("command", "date", "version", "commit", "machine", "backend")
    record = {
        "data": dict(name="blobs", title="B", source="s", licence="l", pairs=PAIRS),
        "methods": methods,
        "run": {key: f"the {key}" for key in keys},
    }
    (folder / "blobs.json").write_text(json.dumps(record))
    return evaluation.Table.read(folder / "blobs.csv")


def test_summary_gives_means_intervals_and_paired_differences(tmp_path):
    lines = evaluation.summary(write_table(tmp_path / "results")).splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in lines}
    # The later table, of differences, is the one that stays under a method's name.
    assert cells["ants-syn"][1:] == [
        "0.0500 [0.0500, 0.0500]",
        "0.1000 [0.1000, 0.1000] |",
    ]
    (means,) = [line for line in lines if line.startswith("| ants-syn | 8")]
    assert means.split(" | ")[2].startswith("0.6000 [0.59")
    # The median: one pair with a compilation in it does not count.
    assert means.endswith("| 0.0100 | 0.200 | 4.0 |")


def test_metrics_of_a_preset_have_intervals(tmp_path):
    table = write_table(tmp_path / "results", tre=True)
    table.record["data"]["success"] = 4.5
    found = evaluation.preset_metrics([table], PRESET)["blobs"]
    # The starts, the best of the others, and its own.
    methods = ["centres", "iterative-affine", "ants-syn", "one pass", "refine=50"]
    assert list(found) == methods
    mean, low, high = found["one pass"]["dice"]
    assert low < mean == 0.65 < high
    assert found["ants-syn"]["dice"][0] == 0.6
    assert found["one pass"]["seconds"] == 4.0
    assert found["refine=50"]["folded_percent"] == 0.01
    # Errors are ten times what a Dice lacks of 1.
    assert found["ants-syn"]["success_percent"] == 100
    assert found["iterative-affine"]["success_percent"] == 0


def test_a_pair_that_fails_is_no_success(tmp_path):
    table = write_table(tmp_path / "results", tre=True)
    assert table.success("ants-syn", 4.5) == 1.0
    failed = {"pair": "p9", "method": "ants-syn", "metric": "error", "value": "no"}
    table.rows.append({"label": None, **failed})
    assert table.success("ants-syn", 4.5) == PAIRS / (PAIRS + 1)


def test_a_presets_row_sets_it_beside_its_start_and_the_best_other_tool(tmp_path):
    table = write_table(tmp_path / "results", tre=True)
    rows = [row for row in preset_rows([table]) if row[0] == f"`{PRESET}`"]
    dice, tre = (dict(zip(HEADINGS, row, strict=True)) for row in rows)
    assert dice["measured on"] == "[blobs](RESULTS.md#blobs), Dice"
    assert tre["measured on"] == "[blobs](RESULTS.md#blobs), TRE in mm"
    assert dice["centers aligned"] == "0.4000"
    assert dice["best other tool"] == "0.6000 `ants-syn`"
    assert dice["one pass"].startswith("0.6500 [")
    assert tre["refined"].startswith("3.00 [")
    assert dice["folds in %"] == "0.01 / 0.01"
    assert dice["seconds"] == "4 / 4"


@pytest.mark.parametrize("tre", [False, True])
def test_results_hold_every_part_and_can_be_cut(tmp_path, tre):
    table = write_table(tmp_path / "results", tre)
    paths = evaluation.draw(table, tmp_path / "results")
    assert len(paths) == 3 + tre
    assert all(path.stat().st_size > 5000 for path in paths)
    text = evaluation.write_results(tmp_path).read_text(encoding="utf-8")
    cut = text.partition(BEGIN)[2].partition(END)[0]
    assert cut.strip() == preset_table([table]).strip()
    assert f"`{PRESET}`" in cut and ("TRE in mm" in cut) == tre
    for part in ("the command", "the commit", "the date", "the machine", "## blobs"):
        assert part in text
    assert all(f"(results/{path.name})" in text for path in paths)


def test_results_hold_the_speed_that_was_measured(tmp_path):
    ours = {"name": "kregzoo", "version": None, "seconds": [1.0], "median": 1.0}
    theirs = {**ours, "name": "theirs", "version": "1.2", "memory_mib": 7.0}
    theirs["ratio"] = {"median": 4.0, "min": 3.5, "max": 5.25}
    absent = {"name": "absent", "missing": "not installed"}
    implementations = [ours, theirs, absent]
    found = [{"name": "warp", "size": [8, 9], "implementations": implementations}]
    (tmp_path / "results").mkdir()
    write_json(tmp_path / "results" / "benchmark.json", found, "the command")
    text = evaluation.write_results(tmp_path).read_text(encoding="utf-8")
    assert "| warp 8×9 | kregzoo | 1 |  |  |  |\n" in text
    assert "|  | theirs 1.2 | 1 | 4.00 (3.50-5.25) | 7 |  |\n" in text
    assert "|  | absent | not installed |  |  |  |\n" in text
    assert "    the command\n" in text
    # The others were not run.
    assert text.count("Not measured: `kregzoo") == 2
    assert "## Speed on a GPU\n\nNot measured: `kregzoo benchmark --gpu -o" in text


def test_a_preset_without_a_table_is_not_measured():
    lines = preset_table([]).splitlines()
    assert f"`{PRESET}`" in lines[2] and "| not measured |" in lines[2]


def test_a_picture_of_many_structures(tmp_path):
    table = write_table(tmp_path / "results", labels=range(1, 120))
    assert evaluation.draw(table, tmp_path / "results")
