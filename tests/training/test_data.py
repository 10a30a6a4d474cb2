import dataclasses
import json

import numpy as np
import pytest

from kregzoo.spatial import Image, Preprocessor
from kregzoo.training import (
    Environments,
    ImagePairs,
    ImageViews,
    KnownAffines,
    Pose,
    RandomDeformations,
    Scale,
    SyntheticDeformations,
    SyntheticPairs,
)
from tests.helpers import assert_close
from tests.phantoms import Phantom, linear_map, rotated_grid

SCALE = Scale(3.0, ((16, 16),), steps=2, learning_rate=1e-3, batch_size=2)
FRAME = Preprocessor(3.0, ((16, 16),), None)
MOTION = Pose(rotation=10.0, shift=3.0)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Four pairs of images with labels, the moving one turned and shifted."""
    folder = tmp_path_factory.mktemp("records")
    found = []
    for number in range(4):
        phantom = Phantom(2, radius=15.0, seed=number)
        grid = rotated_grid((40, 40), 1.0, 0.0)
        record = {}
        for role, degrees in (("moving", 15.0), ("fixed", 0.0)):
            image = phantom.image(
                grid, linear_map(2, degrees=-degrees, shift=-degrees / 5)
            )
            labels = (image.array > 0.3).astype("uint8")
            for key, volume in (
                (role, image),
                (f"{role}_label", Image(labels, grid)),
            ):
                record[key] = folder / f"{number}_{key}.nii.gz"
                volume.write(record[key])
        found.append(record)
    return found


def test_pairs_are_split_by_record_and_read_in_both_directions(records):
    data = ImagePairs(alignment="none", both_directions=True, held_out=1)
    training, validation = data.build(records, FRAME, SCALE)
    assert training.pairs == [(0, 1), (2, 3), (4, 5), (1, 0), (3, 2), (5, 4)]
    assert validation.pairs == [(0, 1)]
    assert training.grid.shape == (16, 16) and training.batch_size == 2
    assert len(training[0]) == 1, "labels are returned only if asked for"


def test_labels_are_targets_if_asked_for(records):
    data = ImagePairs(alignment="none", labels=True, held_out=1)
    _, targets = data.build(records, FRAME, SCALE)[0][0]
    assert set(targets) == {"moving_labels", "fixed_labels"}


def test_alignments_are_kept_in_a_file(records, tmp_path):
    data = ImagePairs(alignment="centers", held_out=1)
    data.build(records, FRAME, SCALE, folder=tmp_path)
    path = tmp_path / "alignment.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    assert len(known) == 8
    (name,) = (name for name in known if name.startswith("0 "))
    known[name][0][-1] = 5.0
    path.write_text(json.dumps(known), encoding="utf-8")
    training, _ = data.build(records, FRAME, SCALE, folder=tmp_path)
    image = Image.read(records[0]["moving"])
    expected = np.linalg.inv(image.grid.affine) @ np.array(known[name])
    assert_close(training.to_voxels[0], expected)


def test_labels_align_what_centers_do_not(records):
    def mismatch(data):
        training, _ = data.build(records, FRAME, SCALE)
        images, _ = training[0]
        return np.abs(images["moving"] - images["fixed"]).mean()

    by_centers = KnownAffines(alignment="centers", held_out=1, align_by=None)
    by_labels = KnownAffines(alignment="centers", held_out=1, align_by="labels")
    assert mismatch(by_labels) < 0.7 * mismatch(by_centers)


def test_known_affines_are_targets_in_training_and_validation(records):
    data = KnownAffines(moving_augmentation=MOTION, alignment="none", held_out=1)
    for dataset in data.build(records, FRAME, SCALE):
        _, targets = dataset[0]
        assert np.abs(targets["affine"] - np.eye(2, 3)).max() > 0.01


def test_moving_augmentation_is_not_validated_on_without_a_target(records):
    data = ImagePairs(moving_augmentation=MOTION, alignment="none", held_out=1)
    training, validation = data.build(records, FRAME, SCALE)
    assert training.moving_augmentation == MOTION
    assert validation.moving_augmentation is None


def test_synthetic_deformations_are_drawn_from_the_images_of_each_split(records):
    seen = []

    def make_draw(images):
        seen.append(images.shape)
        return RandomDeformations(images, (8,)).draw

    data = SyntheticDeformations(make_draw, held_out=1)
    training, validation = data.build(records, FRAME, SCALE)
    assert isinstance(training, SyntheticPairs) and training.grid.shape == (16, 16)
    assert seen == [(6, 16, 16, 1), (2, 16, 16, 1)]
    assert "displacement" in validation[0][1]


def test_views_and_environments_get_the_normalized_images(records):
    images = [{"image": record["fixed"]} for record in records]
    views = ImageViews(lambda *arguments: arguments, ("stage",), held_out=1)
    training, validation = views.build(images, FRAME, SCALE, seed=3)
    assert (len(training[0]), len(validation[0])) == (3, 1)
    assert training[1:] == (("stage",), 2, 3)
    assert training[0][0].array.max() == 1.0
    game = Environments(lambda *arguments: arguments, ("stage",))
    environment, validation = game.build(images, FRAME, SCALE)
    assert len(environment[0]) == 4 and validation is None


@pytest.mark.parametrize(
    "data", [ImagePairs(), SyntheticDeformations(None), ImageViews(None, ())]
)
def test_too_few_records_are_refused(data, records):
    data = dataclasses.replace(data, held_out=3)
    with pytest.raises(ValueError, match="`data` must have 5 or more.*Received: 4"):
        data.build(records, FRAME, SCALE)


def test_records_without_labels_are_refused_if_labels_align(records):
    bare = [{role: r[role] for role in ("moving", "fixed")} for r in records]
    data = KnownAffines(align_by="labels", held_out=1)
    with pytest.raises(ValueError, match="`data` must have labels.*Received"):
        data.build(bare, FRAME, SCALE)
