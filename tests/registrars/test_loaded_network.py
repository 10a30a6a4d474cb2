import keras
import pytest

from kregzoo.presets.preset import Preset, find_preset
from kregzoo.registrars import OneStepRegistrar
from tests.helpers import assert_close
from tests.small_preset import network, rough


def registrar(small_preset):
    preset, _ = small_preset
    model = network(weights=preset.folder / "model.weights.h5")
    return OneStepRegistrar(model, preset.preprocessor, preset=preset)


def test_a_network_trained_further_is_saved_and_found(small_preset, tmp_path):
    tuned = registrar(small_preset)
    rough(tuned.model, seed=1)
    folder = tuned.save_preset(tmp_path / "mine")
    found = find_preset(folder)
    assert found.name == "mine" and found.config == small_preset[0].config
    # What was measured was another network.
    assert found.metadata["metrics"] == {}
    assert found.metadata["training"] == {"initial": "voxelmorph_test"}
    assert "`voxelmorph_test`, fine-tuned" in (folder / "README.md").read_text(
        encoding="utf-8"
    )
    other = network(weights=folder / "model.weights.h5")
    for one, expected in zip(other.weights, tuned.model.weights, strict=True):
        assert_close(one, keras.ops.convert_to_numpy(expected), rtol=2**-11)


def test_a_preset_is_not_overwritten_by_what_was_made_of_it(small_preset):
    with pytest.raises(ValueError, match="must not be the folder.*Received"):
        registrar(small_preset).save_preset(small_preset[0].folder)


def test_without_a_preset_there_is_none_to_save(small_preset, tmp_path):
    alone = OneStepRegistrar(network(), small_preset[0].preprocessor)
    with pytest.raises(ValueError, match="loaded from a preset.*Received"):
        alone.save_preset(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("kind", ["png", "gif"])
def test_notebooks_show_a_registrars_card(preset_folder, kind):
    (preset_folder / "README.md").write_text(f"# A card\n\n![x](x.{kind})\n")
    (preset_folder / f"x.{kind}").write_bytes(b"picture")
    preset = Preset.read(preset_folder)
    shown = OneStepRegistrar(network(), preset.preprocessor, preset=preset)
    assert shown._repr_markdown_() == (
        f"# A card\n\n![x](data:image/{kind};base64,cGljdHVyZQ==)\n"
    )
    assert repr(shown) == "<OneStepRegistrar voxelmorph_test>"
