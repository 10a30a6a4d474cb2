import os

import pytest

from kregzoo.utils import files
from kregzoo.utils.files import atomic, atomic_folder


def test_file_appears_complete(tmp_path):
    path = tmp_path / "result.nii.gz"
    with atomic(path) as temporary:
        assert temporary.parent == tmp_path and temporary.name.endswith(".nii.gz")
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder(tmp_path):
    with (
        pytest.raises(ValueError, match="folder of `path` must exist"),
        atomic(tmp_path / "none" / "result.txt"),
    ):
        pass


def test_a_folder_takes_its_files_at_once(tmp_path):
    (tmp_path / "out").mkdir()
    with atomic_folder(tmp_path / "out") as temporary:
        # What a killed process leaves is not among the results.
        assert temporary.parent == tmp_path
        (temporary / "one.txt").write_text("whole")
        assert list((tmp_path / "out").iterdir()) == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_alone_may_be_written_to(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(files.os, "access", lambda *_, **__: False)
    with atomic_folder(out) as temporary:
        assert temporary.parent == out
        (temporary / "one.txt").write_text("whole")
    assert [path.name for path in out.iterdir()] == ["one.txt"]


def test_a_linked_folder_is_written_where_it_lies(tmp_path):
    (tmp_path / "disk" / "out").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    os.symlink(tmp_path / "disk" / "out", tmp_path / "home" / "out")
    with atomic_folder(tmp_path / "home" / "out") as temporary:
        assert temporary.parent == tmp_path / "disk"
        (temporary / "one.txt").write_text("whole")
    assert (tmp_path / "disk" / "out" / "one.txt").is_file()
