"""Input that goes wrong: one clear error, exit code 2, and nothing left on disk."""

import json
import re
import shutil
import tracemalloc

import numpy as np
import pytest

import kregzoo
from kregzoo.spatial import AffineTransform, Grid, Image
from tests.bad_input.commands import contents, refused
from tests.bad_input.files import (
    ANY_VALUES,
    BRAINS,
    HEARTS,
    IMAGES,
    SPACING,
    brain,
    nifti,
)
from tests.phantoms import Phantom

# A long moving image is cut to what the fixed one shows.
ARGUMENTS = [
    (name, argument)
    for name in IMAGES
    for argument in ("moving", "fixed")
    if (name, argument) != ("3000 voxels", "moving")
]
arguments = pytest.mark.parametrize(("name", "argument"), ARGUMENTS)


@arguments
def test_register_in_python(registrar, place, name, argument):
    make, words = IMAGES[name]
    given = {"moving": "good.nii.gz", "fixed": "good.nii.gz", argument: make(place)}
    before = contents(place)
    with pytest.raises(ValueError, match=re.escape(words)) as raised:
        registrar.register(**given, progress=False)
    assert "Received" in str(raised.value)
    assert contents(place) == before


@arguments
def test_register_command(place, capfd, name, argument):
    make, words = IMAGES[name]
    pair = [make(place), "good.nii.gz"]
    pair = pair if argument == "moving" else pair[::-1]
    command = ["register", *pair, "-o", "out"]
    if name == "two dimensions":
        # Without a preset, the fixed image determines the dimensions.
        command += ["--model", "voxelmorph_brain_t1"]
    assert words in refused(command, place, capfd)


@pytest.mark.parametrize("name", sorted(IMAGES.keys() - ANY_VALUES))
@pytest.mark.parametrize("argument", ["IMAGE", "--like"])
def test_warp_command(place, capfd, name, argument):
    make, words = IMAGES[name]
    pair = [make(place), "good.nii.gz"]
    image, like = pair if argument == "IMAGE" else pair[::-1]
    command = ["warp", image, "still.tfm", "--like", like, "-o", "out.nii.gz"]
    assert words in refused(command, place, capfd)


def data_set(folder, bad, split):
    """A data folder with one bad image."""
    (folder / "data").mkdir()
    good = [f"{number}.nii.gz" for number in range(3)]
    for path in good:
        shutil.copy(folder / "good.nii.gz", folder / "data" / path)
    if bad.is_file():
        bad = bad.rename(folder / "data" / bad.name).name
    train = [{"image": str(path)} for path in [*good, bad]]
    labels = Image((brain().array > 0.2).astype("uint8"), brain().grid)
    labels.write(folder / "data/labels.nii.gz")
    pair = {"moving": good[0], "fixed": str(bad)}
    pair |= {f"{role}_label": "labels.nii.gz" for role in ("moving", "fixed")}
    records = {"train": train, "eval": [pair]}
    about = {"title": "Phantoms", "source": "here", "licence": "CC0"}
    text = json.dumps({**about, split: records[split]})
    (folder / "data/dataset.json").write_text(text)
    return folder / "data"


NOT_A_FILE = {"no such file", "a folder"}


@pytest.mark.parametrize(
    "name", sorted(IMAGES.keys() - {"two dimensions", "3000 voxels"})
)
def test_train_command(place, capfd, name):
    make, words = IMAGES[name]
    data = data_set(place, make(place), "train")
    words = "must name an existing file" if name in NOT_A_FILE else words
    command = ["train", "voxelmorph", "--data", data, "--out", "out", "--steps", 1]
    assert words in refused(command, place, capfd)


@pytest.mark.parametrize("name", sorted(IMAGES.keys() - NOT_A_FILE))
def test_evaluation_records_the_error_and_goes_on(place, name):
    make, words = IMAGES[name]
    data = data_set(place, make(place), "eval")
    method = kregzoo.evaluation.preset_methods(BRAINS, 0)[0]
    table = kregzoo.evaluation.evaluate([method], data, place / "out", progress=False)
    (row,) = table.rows
    assert row["metric"] == "error" and words in row["value"]


@pytest.mark.parametrize("name", sorted(NOT_A_FILE))
def test_evaluate_command(place, capfd, name):
    data = data_set(place, IMAGES[name][0](place), "eval")
    command = ["evaluate", BRAINS, "--data", data, "--out", "out"]
    assert "must name an existing file" in refused(command, place, capfd)


def test_a_volume_for_a_network_of_slices(place, capfd):
    command = ["register", "good.nii.gz", "good.nii.gz", "-o", "out"]
    line = refused([*command, "--model", HEARTS], place, capfd)
    assert "`moving` must have 2 dimensions" in line


def test_labels_that_are_no_whole_numbers(place, capfd):
    command = ["register", "good.nii.gz", "good.nii.gz", "-o", "out"]
    line = refused([*command, "--labels", "good.nii.gz"], place, capfd)
    assert "--labels" in line and "whole numbers" in line


def test_images_that_nothing_brings_together(registrar, place):
    apart = np.eye(4)
    apart[0, 3] = 5000.0
    image = brain()
    with pytest.raises(ValueError, match="must overlap.*Received"):
        registrar.register(image, image, initial=AffineTransform(apart), progress=False)


def test_a_sheared_affine_is_taken_at_its_word(registrar, place):
    phantom = Phantom(3, radius=60.0)
    image = brain()
    shear = np.eye(4)
    shear[0, 1] = 0.3
    grid = Grid(image.grid.shape, image.grid.affine @ shear)
    path = nifti(place, phantom.image(grid).array, grid.affine)
    result = registrar.register(path, image, progress=False)
    assert result.metrics["ncc"] > 0.98
    points = phantom.landmarks()
    moved = np.linalg.norm(result.apply_points(points) - points, axis=1)
    assert moved.mean() < SPACING / 2


def test_an_axis_of_one_voxel(registrar, place):
    thin = brain((1, 24, 20))
    result = registrar.register(thin, thin, progress=False)
    assert np.isfinite(result.warped.array).all()
    assert result.warped.grid == thin.grid


@pytest.mark.parametrize("name", ["4 TB", "4 TB, compressed", "3000 voxels"])
def test_memory_is_bounded(place, registrar, name):
    path = IMAGES[name][0](place)
    tracemalloc.start()
    with pytest.raises(ValueError, match="crop it"):
        registrar.register(path, path, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Twenty times the voxels that there are.
    assert peak < 20 * 8 * 3000 * 40 * 40
