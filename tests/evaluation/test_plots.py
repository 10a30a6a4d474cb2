import pytest

from kregzoo import evaluation
from tests.evaluation.measured import write_table


@pytest.mark.parametrize(
    ("tre", "figures"),
    [
        (False, {"dice", "structures", "folds", "seconds"}),
        (True, {"dice", "structures", "folds", "seconds", "tre"}),
    ],
)
def test_the_figures_are_those_of_the_metrics(tmp_path, tre, figures):
    table = write_table(tmp_path / "results", tre)
    # Remains of an earlier run.
    (tmp_path / "results" / "blobs_tre.png").write_text("old")
    paths = evaluation.draw(table, tmp_path / "results")
    assert {path.stem.removeprefix("blobs_") for path in paths} == figures
    assert set(paths) == set((tmp_path / "results").glob("*.png"))
    assert all(path.stat().st_size > 5000 for path in paths)


def test_figures_of_one_person_and_of_older_folds(tmp_path):
    persons = {f"p{pair}": ["the same"] for pair in range(8)}
    table = write_table(tmp_path / "results", labels=[1], persons=persons)
    rows = [r for r in table.rows if r["metric"] != "folded_foreground_percent"]
    old = evaluation.Table(table.name, rows, table.record)
    names = {path.name for path in evaluation.draw(old, tmp_path)}
    assert names == {"blobs_dice.png", "blobs_folds.png", "blobs_seconds.png"}


def test_a_picture_of_many_structures(tmp_path):
    table = write_table(tmp_path / "results", labels=range(1, 120))
    assert evaluation.draw(table, tmp_path / "results")
