import json

import h5py
import keras
import pytest

from kregzoo.presets import preset as presets
from kregzoo.presets.preset import Preset, find_preset, save_weights
from tests.helpers import assert_close
from tests.small_preset import network


@pytest.fixture
def installed(small_preset, monkeypatch):
    """The preset as if it came with the package."""
    found = {"voxelmorph_test": small_preset[0].folder}
    monkeypatch.setattr(presets, "installed_presets", lambda: found)


def test_what_is_written_is_read(small_preset):
    preset, _ = small_preset
    names = {path.name for path in preset.folder.iterdir()}
    assert names == {*presets.HASHED, "metadata.json", "README.md"}
    read = Preset.read(preset.folder)
    assert read.name == "voxelmorph_test"
    assert read.config == preset.config
    assert read.preprocessor == preset.preprocessor
    assert read.metadata["metrics"] == {"dice": 0.5}
    assert set(read.metadata["sha256"]) == set(presets.HASHED)
    assert (preset.folder / "README.md").read_text(encoding="utf-8") == "# A card\n"


def test_plain_keras_reads_the_small_weights(small_preset):
    preset, model = small_preset
    other = network()
    other.load_weights(preset.folder / "model.weights.h5")
    for one, expected in zip(other.weights, model.weights, strict=True):
        assert one.dtype == "float32"
        # float16 keeps eleven bits.
        assert_close(one, keras.ops.convert_to_numpy(expected), rtol=2**-11)


def test_weights_are_half_precision_and_compressed(tmp_path):
    model = network()
    save_weights(model, tmp_path / "small.weights.h5")
    model.save_weights(tmp_path / "plain.weights.h5")
    sizes = [(tmp_path / f"{n}.weights.h5").stat().st_size for n in ("small", "plain")]
    assert sizes[0] < 0.75 * sizes[1]
    assert {path.name for path in tmp_path.iterdir()} == {
        "small.weights.h5",
        "plain.weights.h5",
    }
    kinds = set()

    def look(name, item):
        if isinstance(item, h5py.Dataset) and item.ndim > 1:
            kinds.add((item.dtype.name, item.compression))

    with h5py.File(tmp_path / "small.weights.h5") as file:
        file.visititems(look)
    assert kinds == {("float16", "gzip")}


@pytest.mark.parametrize("name", presets.HASHED)
def test_a_changed_file_is_refused(preset_folder, name):
    content = bytearray((preset_folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (preset_folder / name).write_bytes(bytes(content))
    with pytest.raises(ValueError, match=f"{name}.*sha256"):
        find_preset(preset_folder)


@pytest.mark.parametrize("name", presets.HASHED)
def test_a_missing_file_is_refused(preset_folder, name):
    (preset_folder / name).unlink()
    with pytest.raises(ValueError, match=f"file of the preset is missing.*{name}"):
        find_preset(preset_folder)


@pytest.mark.parametrize("text", ["", "{", "[3]", "{}"])
def test_damaged_metadata_are_refused(preset_folder, text):
    (preset_folder / "metadata.json").write_text(text)
    with pytest.raises(ValueError, match="metadata"):
        find_preset(preset_folder)


def test_a_preset_is_found_by_name_and_by_path(installed, preset_folder, monkeypatch):
    assert find_preset("voxelmorph_test").name == "voxelmorph_test"
    assert find_preset(str(preset_folder)).folder == preset_folder
    monkeypatch.chdir(preset_folder.parent)
    assert find_preset("./voxelmorph_test").folder == preset_folder


NAMES = [
    "no_such_preset",
    "../voxelmorph_test",
    "/voxelmorph_test",
    "voxelmorph_test/..",
    "voxelmorph_test/../voxelmorph_test",
    "voxelmorph_test\n",
    "VOXELMORPH_TEST",
    "..",
    ".",
    "",
    "https://example.org/voxelmorph_test",
]


def test_unknown_names_are_answered_by_the_nearest(monkeypatch):
    folders = dict.fromkeys(["voxelmorph_brain_t1", "dlir_brain_t1", "asn_brain_t1"])
    monkeypatch.setattr(presets, "installed_presets", lambda: folders)
    for name in ("voxelmoprh_brain_t1", "VoxelMorph-brain-T1", "voxelmorph brain t1"):
        with pytest.raises(ValueError, match=f"mean voxelmorph_brain_t1.*'{name}'"):
            find_preset(name)
    with pytest.raises(ValueError, match="Installed: voxelmorph_brain_t1, dlir_brain"):
        find_preset("moon")


def test_presets_are_listed_by_their_dimensions(installed):
    assert presets.presets_for(2) == ["voxelmorph_test"]
    assert presets.presets_for(3) == []


@pytest.mark.parametrize("name", NAMES)
def test_names_do_not_leave_the_presets_folder(installed, name, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ValueError, match="no preset.*voxelmorph_test.*Received"):
        find_preset(name)


def test_weights_by_tag_path_and_none(installed, small_preset):
    preset, model = small_preset
    path = preset.folder / "model.weights.h5"
    for weights in ("test", path, str(path)):
        loaded = network(weights=weights)
        for one, other in zip(loaded.weights, model.weights, strict=True):
            assert_close(one, keras.ops.convert_to_numpy(other), rtol=2**-11)


def test_weights_without_the_head_are_the_same_features(installed, small_preset):
    _, model = small_preset
    features = network(weights="test", include_top=False)
    names = [layer.name for layer in features.layers if layer.weights]
    assert "flow" not in names and len(names) > 5
    for name in names:
        for one, other in zip(
            features.get_layer(name).weights, model.get_layer(name).weights, strict=True
        ):
            assert_close(one, keras.ops.convert_to_numpy(other), rtol=2**-11)


def test_unknown_tags_are_refused(installed):
    for tag in ("mars", "../test", "", 3):
        with pytest.raises(ValueError, match="Received"):
            network(weights=tag)


def test_weights_of_another_network_are_refused(installed, small_preset, tmp_path):
    with pytest.raises(ValueError, match="vm1.*Received.*vm2"):
        network(variant="vm2", weights="test")
    with pytest.raises(ValueError):
        network(variant="vm2", weights=small_preset[0].folder / "model.weights.h5")


def test_damaged_weights_are_refused(small_preset, tmp_path):
    content = (small_preset[0].folder / "model.weights.h5").read_bytes()
    for name, damaged in (("half", content[: len(content) // 2]), ("none", b"")):
        path = tmp_path / f"{name}.weights.h5"
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"weights.*Received.*{name}"):
            network(weights=path)


def test_a_missing_weights_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Received.*no\.weights\.h5"):
        network(weights=tmp_path / "no.weights.h5")


def test_installed_presets_are_folders_with_metadata():
    for name, folder in presets.installed_presets().items():
        assert folder.name == name
        assert json.loads((folder / "metadata.json").read_text(encoding="utf-8"))[
            "system"
        ]


def test_weights_that_would_fill_the_memory_are_not_read(tmp_path):
    path = tmp_path / "bomb.weights.h5"
    with h5py.File(path, "w") as file:
        options = {"compression": "gzip", "chunks": (2**20,), "fillvalue": 0.0}
        file.create_dataset("zeros", (2**40,), "float32", **options)
    assert path.stat().st_size < 2**20
    with pytest.raises(ValueError, match="has 1099511627776 numbers.*Received"):
        network(weights=path)
