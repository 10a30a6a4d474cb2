import json

import numpy as np
import pytest

from kregzoo.spatial import Grid, Image, Preprocessor
from kregzoo.training import load_images, read_dataset
from kregzoo.training.dataset import split_records
from tests.phantoms import Phantom


@pytest.fixture
def folder(tmp_path):
    """A data folder with two single images and a pair."""
    images = tmp_path / "data" / "images"
    images.mkdir(parents=True)
    grid = Grid.centered((10, 9, 8), 6.0)
    for seed, name in enumerate("abcd"):
        Phantom(3, radius=20.0, seed=seed).image(grid).write(images / f"{name}.nii.gz")
    description = {
        "title": "Phantoms",
        "train": [{"image": f"images/{name}.nii.gz"} for name in "ab"],
        "eval": [{"moving": "images/c.nii.gz", "fixed": "images/d.nii.gz", "age": 7}],
    }
    (tmp_path / "data/dataset.json").write_text(json.dumps(description))
    (tmp_path / "outside.nii.gz").write_bytes(b"not for reading")
    return tmp_path / "data"


def test_dataset_is_read_with_absolute_paths(folder):
    read = read_dataset(folder)
    assert read["title"] == "Phantoms"
    assert [r["image"] for r in read["train"]] == [
        folder / "images/a.nii.gz",
        folder / "images/b.nii.gz",
    ]
    assert read["eval"][0]["fixed"] == folder / "images/d.nii.gz"
    assert read["eval"][0]["age"] == 7


def test_images_come_normalized_with_the_pairs_of_the_split(folder):
    read = read_dataset(folder)
    frame = Preprocessor(6.0, ((16, 16, 16),))
    images, labels, pairs = load_images(read["train"], frame)
    assert [image.name for image in images] == ["a.nii.gz", "b.nii.gz"]
    assert all(i.array.min() == 0.0 and i.array.max() == 1.0 for i in images)
    assert pairs is None and labels is None
    images, _, pairs = load_images(read["eval"], frame)
    assert [image.name for image in images] == ["c.nii.gz", "d.nii.gz"]
    assert pairs == [(0, 1)]


BAD = {
    "outside": '{"train": [{"image": "../outside.nii.gz"}]}',
    "absolute": '{"train": [{"image": "/etc/hosts"}]}',
    "missing": '{"train": [{"image": "images/no.nii.gz"}]}',
    "missing label": '{"eval": [{"moving_label": "images/no.nii.gz"}]}',
    "not JSON": '{"train": [',
    "a list": '[{"image": "images/a.nii.gz"}]',
    "a list of names": '{"train": ["images/a.nii.gz"]}',
    "a number for a path": '{"train": [{"image": 3}]}',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_bad_descriptions_are_refused(folder, text):
    (folder / "dataset.json").write_text(text)
    with pytest.raises(ValueError, match="dataset.json"):
        read_dataset(folder)


def test_label_maps_are_read_when_every_image_has_one(folder):
    read = read_dataset(folder)
    frame = Preprocessor(6.0, ((16, 16, 16),))
    grid = Grid.centered((10, 9, 8), 6.0)
    Image(np.full(grid.shape, 4, "int16"), grid).write(folder / "label.nii.gz")
    for record in read["train"]:
        record["label"] = folder / "label.nii.gz"
    _, labels, _ = load_images(read["train"], frame)
    assert [label.labels() for label in labels] == [{4}, {4}]
    del read["train"][1]["label"]
    assert load_images(read["train"], frame)[1] is None


def test_a_folder_without_description_is_refused(tmp_path):
    with pytest.raises(ValueError, match="dataset.json.*Received"):
        read_dataset(tmp_path)


def test_last_records_are_held_out():
    records = [{"image": number} for number in range(5)]
    assert split_records(records, 2) == (records, 3)
    assert split_records(records, 0) == (records, 5)
    with pytest.raises(ValueError, match="4 or more records.*Received: 3"):
        split_records(records[:3], 2)


def test_whole_persons_of_all_groups_are_held_out():
    records = [
        {"image": (person, number), "person": person}
        for person in range(12)
        for number in range(3)
    ]
    ordered, kept = split_records(records, 10)
    last = {record["person"] for record in ordered[kept:]}
    assert last.isdisjoint(record["person"] for record in ordered[:kept])
    # Four persons, one of each third but the last, which has its own.
    assert len(ordered) - kept == 12 and {p // 3 for p in last} == {0, 1, 2, 3}
    assert sorted(r["image"] for r in ordered) == [r["image"] for r in records]
    with pytest.raises(ValueError, match="more persons.*Received: 1 persons"):
        split_records(records[:3], 1)
