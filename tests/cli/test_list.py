import dataclasses
import json

from kregzoo import cli, zoo


@dataclasses.dataclass
class Record:
    name: str = "some_preset"
    system: str = "voxelmorph"
    chapter: str = "5.1"
    reference: str = "Somebody"
    task: str = "register"
    predicts: str = "displacement"
    ndim: int = 3
    modalities: tuple = ("MR", "MR")
    images: str = "MR, brains"
    data: str = "brains"
    licence: str = "CC0"
    metrics: dict = dataclasses.field(default_factory=dict)


def test_list_prints_a_table_or_json(monkeypatch, capsys):
    asked = []

    def list_models(*filters):
        asked.append(filters)
        return [Record(modalities=["MR", "US"])]

    monkeypatch.setattr(zoo, "list_models", list_models, raising=False)
    assert cli.main(["list", "--json"]) == 0
    expected = dataclasses.asdict(Record(modalities=["MR", "US"]))
    assert json.loads(capsys.readouterr().out) == [expected]
    assert cli.main(["list", "--ndim", "3", "--modality", "US"]) == 0
    assert asked == [(None, None), (3, "US")]
    assert "some_preset" in capsys.readouterr().out
