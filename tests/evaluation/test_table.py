import math

import pytest

from kregzoo.evaluation import read_rows, write_rows
from kregzoo.evaluation.table import by_pair

ROWS = [
    {"pair": "a to b", "method": "m", "label": 1, "dice": 0.5, "hd95": math.nan},
    {"pair": "a to b", "method": "m", "label": 2, "dice": 0.7, "hd95": 3.0},
    {"pair": "b to a", "method": "m", "error": 'no, "overlap"'},
]


def test_rows_come_back_as_they_were_written(tmp_path):
    write_rows(tmp_path / "rows.csv", ROWS)
    read = read_rows(tmp_path / "rows.csv")
    assert [row["label"] for row in read] == [1, 2, None]
    assert [row["dice"] for row in read[:2]] == [0.5, 0.7]
    assert math.isnan(read[0]["hd95"]) and math.isnan(read[2]["dice"])
    assert [row["error"] for row in read] == ["", "", 'no, "overlap"']


def test_means_are_over_the_labels_that_have_a_value():
    assert by_pair(ROWS, "dice")["m"]["a to b"] == pytest.approx(0.6)
    assert by_pair(ROWS, "hd95") == {"m": {"a to b": 3.0}}
    assert by_pair(ROWS, "tre") == {}


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        read_rows(tmp_path / "rows.csv")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="must have the columns pair, method"):
        read_rows(tmp_path / "rows.csv")
