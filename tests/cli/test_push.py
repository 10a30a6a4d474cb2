from kregzoo import cli, zoo


def test_push_prints_where_the_preset_is(monkeypatch, capsys):
    asked = []
    address = "https://huggingface.co/someone/a_preset"
    monkeypatch.setattr(zoo, "push", lambda *a: asked.append(a) or address)
    assert cli.main(["push", "my_preset", "hf://someone/a_preset"]) == 0
    assert asked == [("my_preset", "hf://someone/a_preset")]
    assert capsys.readouterr().out == f"{address}\n"


def test_a_folder_without_a_preset_is_refused(tmp_path, capsys):
    assert cli.main(["push", str(tmp_path), "hf://someone/a_preset"]) == 2
    error = capsys.readouterr().err
    assert "metadata.json" in error and error.count("\n") == 1
