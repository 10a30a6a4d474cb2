import dataclasses

import numpy as np
import pytest

import kregzoo
from kregzoo import cli
from kregzoo.presets.preset import find_preset
from kregzoo.spatial import Image
from kregzoo.training import read_dataset
from kregzoo.zoo import AutoRegistrar
from kregzoo.zoo.auto import Choice, _rank


def noise(shape=(64, 64)):
    return np.random.default_rng(0).random(shape).astype("float32")


def test_images_of_no_kind_are_registered_without_a_network():
    fixed = 0.1 * noise()
    fixed[20:44, 16:40] += 1.0
    registrar = AutoRegistrar()
    result = registrar.register(np.roll(fixed, 2, axis=0), fixed)
    assert "deformable" in result.seconds
    assert "No preset was trained on such images" in registrar.choice.reason


def test_load_gives_the_registrar_that_chooses():
    assert isinstance(kregzoo.load("auto"), AutoRegistrar)
    assert isinstance(kregzoo.load("auto", task="register"), AutoRegistrar)
    with pytest.raises(ValueError, match="'auto'"):
        kregzoo.load("auto", task="segment")


def test_the_best_deformable_preset_is_taken():
    names = ("airnet_brain_t1", "asn_brain_t1", "voxelmorph_brain_t1")
    ranked = sorted((find_preset(name) for name in names), key=_rank)
    assert [preset.name for preset in ranked] == list(names)
    unmeasured = dataclasses.replace(
        ranked[-1], metadata={**ranked[-1].metadata, "metrics": {}}
    )
    assert _rank(ranked[0]) < _rank(unmeasured) < _rank(ranked[1])


def test_images_of_different_dimensions_are_refused():
    registrar = AutoRegistrar()
    flat, volume = noise(), noise((32, 32, 32))
    assert registrar.choose(flat, volume).preset is None
    for moving, fixed in ((flat, volume), (volume, flat)):
        with pytest.raises(ValueError, match="`moving` must have [23] dimensions"):
            registrar.register(moving, fixed)


@pytest.mark.parametrize("asked", [{"refine": 5}, {"passes": 2}])
def test_what_needs_a_network_is_refused_without_one(asked):
    (name,) = asked
    with pytest.raises(ValueError, match=f"need a preset.*Received.*{name}"):
        AutoRegistrar().register(noise(), noise(), **asked)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("brain_t1", "voxelmorph_brain_t1"),
        ("cardiac_cine", "voxelmorph_cardiac_cine"),
        ("prostate_mr_us", "label_reg_prostate_mr_us"),
        ("brain_2d", "sam_flownet_brain_2d"),
        ("hippocampus_mr", None),
        ("chest_xray", None),
    ],
)
def test_held_out_pairs_get_the_preset_of_their_kind(data_root, data, expected):
    for record in read_dataset(data_root / data)["eval"][:3]:
        choice = AutoRegistrar().choose(record["moving"], record["fixed"])
        assert choice.preset == expected
        assert isinstance(choice, Choice) and choice.reason.endswith(".")


def test_the_command_needs_no_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fixed = np.zeros((48, 48), "float32")
    fixed[16:32, 12:36] = 1.0
    for name in ("moving", "fixed"):
        Image.from_array(fixed + 0.1 * noise((48, 48))).write(f"{name}.nii.gz")
    assert cli.main("register moving.nii.gz fixed.nii.gz -o out".split()) == 0
    printed = capsys.readouterr().out
    assert "No preset was trained on such images" in printed
    assert "by auto in" in printed
