import json

import numpy as np
import pytest
from scipy import ndimage

from kregzoo.evaluation.baselines.presets import preset_methods, presets_of
from kregzoo.presets.preset import installed_presets
from kregzoo.protocols import HELD_OUT_PAIRS, KNOWN_AFFINES, Protocol
from kregzoo.spatial import Grid, Image

PRESET = "dirnet_cardiac_cine"


def metadata_of(name):
    path = installed_presets()[name] / "metadata.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_presets_of_a_data_set_are_those_that_say_so(tmp_path):
    found = presets_of(tmp_path / "brain_t1")
    trained_on = {n: metadata_of(n)["data"]["name"] for n in installed_presets()}
    assert found and set(found) == {n for n, d in trained_on.items() if d == "brain_t1"}
    affine = presets_of("brain_t1", lambda metadata: metadata["predicts"] == "affine")
    assert affine and set(affine) < set(found)
    assert presets_of(tmp_path / "unknown") == []


def test_a_preset_is_measured_in_one_pass_and_refined():
    once, refined = preset_methods(PRESET, 5)
    assert (once.name, refined.name) == (PRESET, f"{PRESET} refine=5")
    weights = metadata_of(PRESET)["sha256"]["model.weights.h5"]
    for method, steps in ((once, 0), (refined, 5)):
        assert method.description["weights"] == weights
        assert method.description["parameters"] == f"refine={steps}"
    assert len(preset_methods(PRESET)) == 1


def test_presets_write_the_report_when_it_is_timed(tmp_path):
    rng = np.random.default_rng(0)
    array = ndimage.gaussian_filter(rng.uniform(size=(64, 64)), 3)
    image = Image((array - array.min()).astype("float32"), Grid.centered((64, 64)))
    image.write(tmp_path / "image.nii.gz")
    files = [tmp_path / "image.nii.gz"] * 2
    (once,) = preset_methods(PRESET)
    result = once.run_with_report(*files, tmp_path / "out")
    assert (tmp_path / "out" / "report.html").is_file()
    assert 0 < result.seconds["network"] < result.seconds["total"]
    # A task whose answer is the saved result is measured with it already.
    own = Protocol("own", list)
    assert preset_methods(PRESET, protocol=own)[0].run_with_report is None


def test_protocols_of_starts_refine_nothing():
    assert HELD_OUT_PAIRS.refines and not KNOWN_AFFINES.refines
    assert len(preset_methods(PRESET, 5, KNOWN_AFFINES)) == 1


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match="no preset.*Received: 'moon'"):
        preset_methods("moon")
