import types

import pytest

from kregzoo import cli, zoo


def test_train_hands_on_what_was_asked(monkeypatch, capsys):
    asked = []
    preset = types.SimpleNamespace(folder="out")
    monkeypatch.setattr(zoo, "train", lambda *a: asked.append(a) or preset)
    words = "train voxelmorph --data d --out out --scale published --steps 9 --seed 2"
    words += " --recipe r --initial p"
    assert cli.main(words.split()) == 0
    ((system, data, out, *others),) = asked
    assert (system, data, str(out)) == ("voxelmorph", "d", "out")
    assert others == ["published", 9, 2, "r", "p"]
    assert capsys.readouterr().out == "out\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--steps 0", "--steps: must be at least 1. Received: 0"),
        ("--seed -1", "--seed: must be a whole number from 0. Received: -1"),
        ("--scale huge", "invalid choice: 'huge'"),
    ],
)
def test_numbers_that_no_training_has_are_refused(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(f"train voxelmorph --data d --out out {words}".split())
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
