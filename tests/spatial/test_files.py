import pytest

from kregzoo.spatial.files import atomic


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
