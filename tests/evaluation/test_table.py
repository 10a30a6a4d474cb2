import math

import pytest

from kregzoo.evaluation import read_persons, read_rows, write_rows
from kregzoo.evaluation.table import by_pair
from tests.evaluation.measured import PAIRS, write_table

ROWS = [
    {"pair": pair, "method": "m", "label": label, "metric": metric, "value": value}
    for pair, label, metric, value in (
        ("a to b", 1, "dice", 0.5),
        ("a to b", 1, "hd95", math.nan),
        ("a to b", 2, "dice", 0.7),
        ("a to b", 2, "hd95", 3.0),
        ("a to b", None, "seconds", 1.25),
        ("b to a", None, "error", 'no, "overlap"'),
    )
]


def test_rows_are_read_as_they_were_written(tmp_path):
    write_rows(tmp_path / "rows.csv", ROWS)
    # A lost structure has no distance.
    expected = [row for row in ROWS if row["value"] is not math.nan]
    assert read_rows(tmp_path / "rows.csv") == expected
    text = (tmp_path / "rows.csv").read_text(encoding="utf-8")
    assert text.startswith("pair,method,label,metric,value\na to b,m,1,dice,0.5\n")
    assert "\na to b,m,,seconds,1.25\n" in text


def test_means_are_over_the_labels_that_have_a_value():
    assert by_pair(ROWS, "dice")["m"]["a to b"] == pytest.approx(0.6)
    assert by_pair(ROWS, "hd95") == {"m": {"a to b": 3.0}}
    assert by_pair(ROWS, "tre") == {}


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must be a file"):
        read_rows(tmp_path / "rows.csv")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="must have the columns pair, method, label"):
        read_rows(tmp_path / "rows.csv")


def test_persons_are_read_from_the_file_beside(tmp_path):
    persons = {"p0": ["a", "b"], "p1": ["a"]}
    table = write_table(tmp_path / "new", persons=persons, groups={"p0": "old"})
    assert table.persons == read_persons(tmp_path / "new" / "blobs.csv") == persons
    assert table.groups == {"p0": "old"} and table.interval == "95 % over persons"
    old = write_table(tmp_path / "old")
    assert old.persons == read_persons(tmp_path / "old" / "blobs.csv") == {}
    assert old.groups == {} and old.interval == "95 % over pairs"
    assert read_persons(tmp_path / "none.csv") == {}


def test_the_start_is_that_of_aligned_centers(tmp_path):
    table = write_table(tmp_path / "results")
    assert table.start("dice") == table.values("dice")["centers"]
    assert table.start("tre") == {}


def test_a_pair_that_fails_is_no_success(tmp_path):
    table = write_table(tmp_path / "results", tre=True)
    assert table.success("ants-syn", 4.5) == 1.0
    failed = {"pair": "p9", "method": "ants-syn", "metric": "error", "value": "no"}
    table.rows.append({"label": None, **failed})
    assert table.success("ants-syn", 4.5) == PAIRS / (PAIRS + 1)
