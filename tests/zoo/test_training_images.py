import json

import numpy as np
import pytest

from kregzoo import zoo
from kregzoo.presets.preset import Preset, find_preset
from kregzoo.spatial import Image, Preprocessor
from kregzoo.spatial.image_features import feature_ranges
from kregzoo.training import read_dataset
from kregzoo.zoo.training_images import training_features

FRAME = Preprocessor(2.0, ((16, 16),))


def write_data(folder, records):
    """Write noise images for records of file names, and return the records read."""
    rng = np.random.default_rng(0)
    for number, record in enumerate(records, start=1):
        for name in record.values():
            # Images of different sizes, so that each has an extent of its own.
            array = rng.uniform(0.5, 1.0, (8 * number, 8)).astype("float32")
            Image.from_array(array, spacing=1.0).write(folder / name)
    description = {"train": records, "title": "t", "source": "s", "licence": "l"}
    (folder / "dataset.json").write_text(json.dumps(description))
    return read_dataset(folder)["train"]


def test_single_images_take_both_roles(tmp_path):
    records = write_data(tmp_path, [{"image": f"{n}.nii.gz"} for n in "abc"])
    found = training_features(records, FRAME)
    images = [FRAME.normalize(Image.read(record["image"])) for record in records]
    assert found["moving"] == found["fixed"] == feature_ranges(images)
    low, high = found["moving"]["extent_mm"]
    assert high > low


def test_the_images_of_pairs_keep_their_roles(tmp_path):
    records = [{"moving": f"{n}_m.nii.gz", "fixed": f"{n}_f.nii.gz"} for n in "ab"]
    found = training_features(write_data(tmp_path, records), FRAME)
    assert found["moving"] != found["fixed"]


def test_label_maps_alone_have_no_features(tmp_path):
    assert training_features([{"label": tmp_path / "a.nii.gz"}], FRAME) is None


def test_every_preset_that_registers_knows_its_images():
    for record in zoo.list_models(task="register"):
        features = find_preset(record.name).metadata["features"]
        assert set(features) == {"moving", "fixed"}, record.name


def test_recording_keeps_the_rest(tmp_path, copied_preset):
    write_data(tmp_path, [{"image": f"{n}.nii.gz"} for n in "abc"])
    before = Preset.read(copied_preset)
    zoo.record_training_features(str(copied_preset), tmp_path)
    after = Preset.read(copied_preset)
    assert after.metadata["features"] != before.metadata["features"]
    assert {**after.metadata, "features": 0} == {**before.metadata, "features": 0}


@pytest.fixture
def copied_preset(tmp_path):
    import shutil

    folder = tmp_path / "dirnet_copy"
    shutil.copytree(find_preset("dirnet_cardiac_cine").folder, folder)
    return folder
