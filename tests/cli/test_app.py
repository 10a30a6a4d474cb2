import pytest

from kregzoo import app, cli


def test_the_page_is_served_where_it_was_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(app, "serve", lambda *a, **o: asked.append((a, o)))
    assert cli.main(["app"]) == 0
    assert cli.main("app --host 0.0.0.0 --port 65535 --no-browser".split()) == 0
    assert asked == [
        (("127.0.0.1", 7860), {"browser": True}),
        (("0.0.0.0", 65535), {"browser": False}),
    ]


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_ports_that_there_are_not_are_refused(port, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["app", "--port", port])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "--port" in error and f"Received: {port}" in error
