"""How a command ends that refuses its input."""

from kregzoo import cli


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def refused(words, folder, capfd):
    """The one line that a command ends with, having left nothing."""
    before = contents(folder)
    capfd.readouterr()
    try:
        code = cli.main([str(word) for word in words])
    except SystemExit as stop:
        code = stop.code
    streams = capfd.readouterr()
    assert code == 2 and streams.out == ""
    # Readers and writers may have lines of their own before it.
    *others, line = streams.err.splitlines()
    assert line.startswith("kregzoo: error: ")
    assert not any("Traceback" in other or "kregzoo:" in other for other in others)
    assert contents(folder) == before
    return line
