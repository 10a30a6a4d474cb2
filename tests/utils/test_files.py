import os
import pathlib

import pytest

from kregzoo.utils import files
from kregzoo.utils.files import as_path, atomic, atomic_folder, lowercase_alias


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


def test_the_temporary_file_has_endings_in_lower_case(tmp_path):
    with atomic(tmp_path / "Result.Nii.GZ") as temporary:
        assert temporary.name.endswith(".nii.gz")
        temporary.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["Result.Nii.GZ"]


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "latest.txt").symlink_to(tmp_path / "disk" / "key")
    for text in ("first", "second"):
        with atomic(tmp_path / "latest.txt") as temporary:
            assert temporary.parent == tmp_path / "disk"
            # The given name determines the format.
            assert temporary.suffix == ".txt"
            temporary.write_text(text)
        assert (tmp_path / "latest.txt").is_symlink()
        assert (tmp_path / "disk" / "key").read_text(encoding="utf-8") == text
    assert len(list((tmp_path / "disk").iterdir())) == 1


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert as_path("~/a.txt") == tmp_path / "a.txt"
    assert as_path("~nobody_of_this_name/a") == pathlib.Path("~nobody_of_this_name/a")
    assert as_path("a~.txt") == pathlib.Path("a~.txt")
    with atomic("~/a.txt") as temporary:
        temporary.write_text("whole")
    with atomic_folder("~/out") as temporary:
        (temporary / "b.txt").write_text("whole")
    assert (tmp_path / "a.txt").is_file() and (tmp_path / "out" / "b.txt").is_file()


def test_an_alias_in_lower_case(tmp_path, monkeypatch):
    path = tmp_path / "Scan.NII"
    path.write_text("voxels")
    with lowercase_alias(path) as readable:
        assert readable.name == "scan.nii"
        assert readable.read_text(encoding="utf-8") == "voxels"
    assert path.is_file() and not readable.exists()
    with lowercase_alias(tmp_path / "scan.nii") as readable:
        assert readable == tmp_path / "scan.nii"

    def refuse(*_):
        raise OSError

    monkeypatch.setattr(pathlib.Path, "symlink_to", refuse)
    with lowercase_alias(path) as readable:
        assert readable.read_text(encoding="utf-8") == "voxels"


def test_files_of_a_folder_appear_together(tmp_path):
    (tmp_path / "out").mkdir()
    with atomic_folder(tmp_path / "out") as temporary:
        # Files of a killed process are not among the results.
        assert temporary.parent == tmp_path
        (temporary / "one.txt").write_text("whole")
        assert list((tmp_path / "out").iterdir()) == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_whose_parent_is_not_writable(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(files.os, "access", lambda *_, **__: False)
    with atomic_folder(out) as temporary:
        assert temporary.parent == out
        (temporary / "one.txt").write_text("whole")
    assert [path.name for path in out.iterdir()] == ["one.txt"]


def test_a_linked_folder_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "disk" / "out").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    os.symlink(tmp_path / "disk" / "out", tmp_path / "home" / "out")
    with atomic_folder(tmp_path / "home" / "out") as temporary:
        assert temporary.parent == tmp_path / "disk"
        (temporary / "one.txt").write_text("whole")
    assert (tmp_path / "disk" / "out" / "one.txt").is_file()


def test_a_linked_file_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "out" / "one.txt").symlink_to(tmp_path / "disk" / "one.txt")
    with atomic_folder(tmp_path / "out") as temporary:
        (temporary / "one.txt").write_text("whole")
    assert (tmp_path / "out" / "one.txt").is_symlink()
    assert (tmp_path / "disk" / "one.txt").read_text(encoding="utf-8") == "whole"
