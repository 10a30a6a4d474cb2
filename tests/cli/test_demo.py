from kregzoo import cli, demo


def test_demo_hands_on_what_was_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(demo, "run", lambda *a: asked.append(a))
    assert cli.main("demo -o here --model m --seed 3 --refine 4".split()) == 0
    ((folder, *others),) = asked
    assert str(folder) == "here" and others == ["m", 3, 4]


def test_a_file_is_no_folder_to_write_to(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "run", lambda *a: None)
    (tmp_path / "taken").write_text("")
    assert cli.main(["demo", "-o", str(tmp_path / "taken")]) == 2
    assert "Received the file" in capsys.readouterr().err
