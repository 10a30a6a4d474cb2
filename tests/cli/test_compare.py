import json

import pytest

from kregzoo import cli, evaluation


@pytest.fixture
def tables(tmp_path):
    """Paths of a table and of a worse one, in overlap and in distance."""
    paths = [str(tmp_path / name) for name in ("before.csv", "after.csv")]
    for path, values in zip(paths, ((0.9, 1.0), (0.5, 20.0)), strict=True):
        rows = [
            {"pair": pair, "method": "m", "label": 1, "metric": metric, "value": value}
            for pair in "abcde"
            for metric, value in zip(("dice", "hd95"), values, strict=True)
        ]
        evaluation.write_rows(path, rows)
    return paths


def test_the_exit_code_says_whether_one_is_worse(tables, capsys):
    assert cli.main(["compare", *tables]) == 1
    captured = capsys.readouterr()
    assert "worse" in captured.out and captured.err == "2 worse\n"
    assert cli.main(["compare", *tables[::-1]]) == 0
    assert "better" in capsys.readouterr().out


def test_a_loss_within_its_tolerance_is_ignored(tables):
    assert cli.main(["compare", *tables, "--tolerance", "50"]) == 1
    tolerances = ["--tolerance", "50", "--tolerance-mm", "50"]
    assert cli.main(["compare", *tables, *tolerances]) == 0


def test_persons_beside_a_table_are_used(tables, tmp_path, capsys):
    assert cli.main(["compare", *tables]) == 1
    assert "0.4000 [" in capsys.readouterr().out
    record = {"data": {"persons": dict.fromkeys("abcde", ["me"])}}
    (tmp_path / "after.json").write_text(json.dumps(record))
    assert cli.main(["compare", *tables]) == 1
    assert "-0.4000" in (text := capsys.readouterr().out) and "[-" not in text


def test_what_is_no_table_is_named(tables, tmp_path, capsys):
    path = tmp_path / "none.csv"
    assert cli.main(["compare", tables[0], str(path)]) == 2
    assert str(path) in capsys.readouterr().err
