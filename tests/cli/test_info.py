from kregzoo import cli
from kregzoo.presets.preset import installed_presets


def test_info_shows_the_card(capsys):
    name = "dirnet_cardiac_cine"
    assert cli.main(["info", name]) == 0
    shown = capsys.readouterr().out
    card = (installed_presets()[name] / "README.md").read_text(encoding="utf-8")
    headings = [line.lstrip("# ") for line in card.splitlines() if line[:1] == "#"]
    assert len(headings) > 3
    assert all(heading in shown for heading in headings)
    # As text, without the marks of Markdown.
    assert "## " not in shown


def test_an_unknown_preset_is_answered_by_the_nearest(capsys):
    assert cli.main(["info", "dirnet_cardiac_cin"]) == 2
    assert "mean dirnet_cardiac_cine" in capsys.readouterr().err
