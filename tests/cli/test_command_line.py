"""The command line as a user and a script meet it."""

import subprocess
import sys

import pytest

from kregzoo import __version__, cli
from tests.cli.small_files import contents

COMMANDS = (
    "list",
    "info",
    "register",
    "register-cohort",
    "run",
    "warp",
    "train",
    "push",
    "evaluate",
    "compare",
    "benchmark",
    "portability",
    "demo",
    "app",
)


BAD = {
    "no such file": "register moving.nii.gz nowhere.nii.gz -o out",
    "not an image": "register text.nii.gz fixed.nii.gz -o out",
    "folder taken": "register moving.nii.gz fixed.nii.gz -o text.nii.gz",
    "no such labels": "register moving.nii.gz fixed.nii.gz -o out --labels no.nii.gz",
    "not a transform": "warp moving.nii.gz text.nii.gz --like fixed.nii.gz -o w.nii.gz",
    "unknown format": "warp moving.nii.gz shift.tfm --like fixed.nii.gz -o w.docx",
    "no such folder": "warp moving.nii.gz shift.tfm --like fixed.nii.gz -o no/w.nii.gz",
    "no such points": "register moving.nii.gz fixed.nii.gz -o out --points no.csv",
    "points of words": "register moving.nii.gz fixed.nii.gz -o out --points a.txt",
    "points of NaN": "register moving.nii.gz fixed.nii.gz -o out --points nan.csv",
    "negative steps": "register moving.nii.gz fixed.nii.gz -o out --refine -3",
    "no output": "register moving.nii.gz fixed.nii.gz",
    "no command": "",
    "unknown command": "segment moving.nii.gz",
    "unknown preset": "info no_such_preset",
    "unknown system": "train nothing --data . --out out",
}


@pytest.mark.parametrize("words", BAD.values(), ids=BAD.keys())
def test_bad_input_is_told_in_one_line_and_leaves_nothing(files, capfd, words):
    for name in ("text.nii.gz", "a.txt"):
        (files / name).write_text("not a picture,\nat all\n")
    (files / "nan.csv").write_text("1,2,3\n1,nan,3\n")
    before = contents(files)
    try:
        code = cli.main(words.split())
    except SystemExit as stop:
        code = stop.code
    streams = capfd.readouterr()
    assert code == 2
    assert streams.err.startswith("kregzoo") and streams.err.count("\n") == 1
    assert streams.out == ""
    assert contents(files) == before


def test_a_process_says_the_same_without_the_chatter_of_its_backend(tmp_path):
    code = "import kregzoo.cli as c; exit(c.main())"
    words = ["register", "no.nii.gz", "no.nii.gz", "-o", "out"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1 and b"no.nii.gz" in done.stderr
    assert not contents(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_argument(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: kregzoo {command}" in text
    if command != "list":
        assert f"example:\n  kregzoo {command}" in text.replace("examples:", "example:")


def test_help_lists_the_commands_and_version_is_the_package_s(capsys):
    for words, expected in (["--help"], COMMANDS), (["--version"], [__version__]):
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        assert stop.value.code == 0
        text = capsys.readouterr().out
        assert all(word in text for word in expected)
