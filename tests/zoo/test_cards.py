import importlib
import shutil

import kregzoo
from kregzoo import zoo
from kregzoo.models import SYSTEMS
from kregzoo.presets.preset import Preset
from kregzoo.zoo.cards import headline

METRICS = {
    "phantoms": {
        "centers": {"dice": [0.4, 0.3, 0.5]},
        "one pass": {"dice": [0.5125, 0.5, 0.525], "seconds": 1.2},
    }
}


def test_a_module_without_a_docstring_has_a_card(trained, monkeypatch):
    module = importlib.import_module(SYSTEMS["voxelmorph"].builder.__module__)
    monkeypatch.setattr(module, "__doc__", None)
    text = zoo.cards.card(trained[1])
    about = text.partition("## Network\n\n")[2].partition("\n\n## Results")[0]
    assert about == SYSTEMS["voxelmorph"].reference
    assert "## Data\n\nPhantoms. Source: made here. License: CC0." in text


def test_metrics_are_recorded_in_metadata_and_card(trained, tmp_path):
    _, _, out = trained
    folder = tmp_path / "measured"
    shutil.copytree(out, folder)
    zoo.record_metrics(folder, METRICS)
    assert Preset.read(folder).metadata["metrics"] == METRICS
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "### phantoms\n\n| method | Dice | seconds |\n" in text
    assert "| one pass | 0.5125 [0.5000, 0.5250] | 1.20 |\n" in text
    assert kregzoo.load(folder).metadata["metrics"] == METRICS


def test_recording_keeps_the_metrics_of_other_data(trained, tmp_path):
    folder = tmp_path / "measured"
    shutil.copytree(trained[2], folder)
    zoo.record_metrics(folder, METRICS)
    others = {"affines": {"one pass": {"tre": [2.0, 1.9, 2.1]}}}
    zoo.record_metrics(folder, others)
    assert Preset.read(folder).metadata["metrics"] == {**METRICS, **others}
    again = {"phantoms": others["affines"]}
    zoo.record_metrics(folder, again)
    assert Preset.read(folder).metadata["metrics"] == {**again, **others}


def test_a_headline_is_of_overlap_or_of_error():
    errors = {"centers": {"tre": [16.3, 15, 17]}, "one pass": {"tre": [2.04, 2, 3]}}
    assert headline({"affines": errors}) == "TRE 16.3 → 2.0 mm"
    assert headline({"affines": errors, **METRICS}) == "Dice 0.40 → 0.51"
    assert headline({}) == "not measured"


def test_a_headline_without_a_start_is_the_value_alone():
    errors = {"one pass": {"tre": [2.04, 2, 3]}}
    assert headline({"scans": errors}) == "TRE 2.0 mm"
