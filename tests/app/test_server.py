"""Conditions under which the app starts."""

import socket
import sys

from kregzoo import cli


def test_gradio_is_asked_for(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "elsewhere")
    assert cli.main(["app", "--no-browser"]) == 2
    assert 'pip install "kregzoo[app]"' in capsys.readouterr().err


def test_a_port_in_use_is_named(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["app", "--no-browser", "--port", str(port)]) == 2
    assert f"127.0.0.1:{port}" in (said := capsys.readouterr().err) and "--port" in said
