import pathlib

import pytest
from rich.table import Table

from kregzoo.cli.running import new_file, new_folder, print_rich


def test_a_file_needs_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (None, "new.json", str(tmp_path / "new.json")):
        assert new_file(path) == path
    with pytest.raises(ValueError, match="folder must exist.*Received: no/new.json"):
        new_file("no/new.json")
    assert not list(tmp_path.iterdir())


def test_a_folder_may_be_new_but_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert new_folder("~/new/folder") == tmp_path / "new" / "folder"
    assert new_folder(str(tmp_path)) == pathlib.Path(tmp_path)
    (tmp_path / "taken").write_text("")
    with pytest.raises(ValueError, match="must be a folder.*the file: .*taken"):
        new_folder(tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_tables_are_printed(capsys):
    table = Table("name", "value")
    table.add_row("ncc", "0.9")
    print_rich(table)
    lines = capsys.readouterr().out.splitlines()
    assert any("name" in line and "value" in line for line in lines)
    assert any("ncc" in line and "0.9" in line for line in lines)
