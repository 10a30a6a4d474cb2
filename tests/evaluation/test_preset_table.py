from kregzoo import evaluation
from kregzoo.evaluation.preset_table import HEADINGS, preset_rows, preset_table
from tests.evaluation.measured import PRESET, write_table


def test_metrics_of_a_preset_have_intervals(tmp_path):
    table = write_table(tmp_path / "results", tre=True)
    table.record["data"]["success"] = 4.5
    found = evaluation.preset_metrics([table], PRESET)["blobs"]
    # The initial alignments, the best other method, and the preset.
    methods = ["centers", "iterative-affine", "ants-syn", "one pass", "refine=50"]
    assert list(found) == methods
    mean, low, high = found["one pass"]["dice"]
    assert low < mean == 0.65 < high
    assert found["ants-syn"]["dice"][0] == 0.6
    assert found["one pass"]["seconds"] == 4.0
    assert found["refine=50"]["folded_foreground_percent"] == 0.05
    # Errors are ten times 1 - Dice.
    assert found["ants-syn"]["success_percent"] == 100
    assert found["iterative-affine"]["success_percent"] == 0


def test_a_row_compares_a_preset_with_start_and_best_other_tool(tmp_path):
    table = write_table(tmp_path / "results", tre=True)
    rows = [row for row in preset_rows([table]) if row[0] == f"`{PRESET}`"]
    dice, tre = (dict(zip(HEADINGS, row, strict=True)) for row in rows)
    assert dice["measured on"] == "[blobs](RESULTS.md#blobs), Dice"
    assert tre["measured on"] == "[blobs](RESULTS.md#blobs), TRE in mm"
    assert dice["centers aligned"] == "0.4000"
    assert dice["best other tool"] == "0.6000 `ants-syn`"
    assert dice["one pass"].startswith("0.6500 [")
    assert tre["refined"].startswith("3.00 [")
    assert dice["folds in %"] == "0.05 / 0.05"
    assert dice["seconds"] == "4 / 4"


def test_a_table_without_foreground_shows_the_folds_of_the_grid(tmp_path):
    table = write_table(tmp_path / "results")
    rows = [r for r in table.rows if r["metric"] != "folded_foreground_percent"]
    old = evaluation.Table(table.name, rows, table.record)
    (row,) = (row for row in preset_rows([old]) if row[0] == f"`{PRESET}`")
    folds = dict(zip(HEADINGS, row, strict=True))["folds in %"]
    assert folds == "0.01 / 0.01 of the grid"
    assert "folded_foreground_percent" not in str(
        evaluation.preset_metrics([old], PRESET)
    )


def test_metrics_of_one_person_have_no_interval(tmp_path):
    persons = {f"p{pair}": ["the same"] for pair in range(8)}
    table = write_table(tmp_path / "results", persons=persons)
    found = evaluation.preset_metrics([table], PRESET)["blobs"]
    assert found["one pass"]["dice"] == [0.65, None, None]
    (row,) = (row for row in preset_rows([table]) if row[0] == f"`{PRESET}`")
    assert dict(zip(HEADINGS, row, strict=True))["one pass"] == "0.6500"


def test_a_preset_without_a_table_is_not_measured():
    lines = preset_table([]).splitlines()
    assert f"`{PRESET}`" in lines[2] and "| not measured |" in lines[2]
