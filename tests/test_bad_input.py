"""Bad input: one clear error, exit code 2, and no files left on disk."""

import collections
import contextlib
import gzip
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tracemalloc

import h5py
import keras
import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kregzoo
from kregzoo import cli
from kregzoo.presets.preset import installed_presets, sha256
from kregzoo.spatial import (
    AffineTransform,
    DisplacementTransform,
    Grid,
    Image,
    read_transform,
)
from tests.phantoms import Phantom, rotated_grid

BRAINS, HEARTS = "voxelmorph_brain_t1", "dirnet_cardiac_cine"
SPACING = 8.0


def brain(shape=(20, 24, 20)):
    return Phantom(3, radius=60.0).image(rotated_grid(shape, SPACING, 5.0))


def nifti(folder, array, affine=None):
    path = folder / "bad.nii.gz"
    affine = np.diag([SPACING] * 3 + [1]) if affine is None else affine
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def whole(folder, suffix=".nii"):
    path = folder / f"bad{suffix}"
    brain().write(path)
    return path


def truncated(folder, suffix=".nii.gz"):
    path = whole(folder, suffix)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def corrupt(folder):
    path = whole(folder, ".nii.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return path


def empty(folder):
    path = folder / "bad.nii.gz"
    path.write_bytes(b"")
    return path


def wrong_magic(folder):
    path = whole(folder)
    content = bytearray(path.read_bytes())
    content[344:348] = b"abcd"
    content[0:4] = b"\0\0\0\0"
    path.write_bytes(content)
    return path


def with_header(folder, **fields):
    """Write a NIfTI file with an invalid header."""
    path = whole(folder)
    content = bytearray(path.read_bytes())
    header = nib.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    content[:348] = header.binaryblock
    path.write_bytes(content)
    return path


def with_affine(folder, affine):
    rows = {f"srow_{axis}": row for axis, row in zip("xyz", affine, strict=False)}
    return with_header(folder, sform_code=1, qform_code=0, **rows)


def with_zooms(folder, zooms):
    return with_header(
        folder, sform_code=0, qform_code=0, pixdim=[1, *zooms, 1, 1, 1, 1]
    )


def colours(folder):
    dtype = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    return nifti(folder, np.zeros((6, 6, 6), dtype))


def labels(folder):
    blocks = np.arange(8, dtype="uint8").reshape(2, 2, 2)
    return nifti(folder, np.kron(blocks, np.ones((5, 5, 5), "uint8")))


def promised(folder, suffix):
    """Write a small file whose header claims an image of 4 TB."""
    path = whole(folder, ".nii")
    content = bytearray(path.read_bytes())
    header = nib.Nifti1Header(bytes(content[:348]))
    header.set_data_shape((10000, 10000, 10000))
    content[:348] = header.binaryblock
    if suffix == ".nii":
        path.write_bytes(content)
        return path
    path.unlink()
    path = folder / "bad.nii.gz"
    with gzip.open(path, "wb") as file:
        file.write(content)
        # So much is there: zeros compress a thousandfold.
        for _ in range(64):
            file.write(bytes(2**20))
    return path


def slabs(folder):
    """3000 voxels along an axis, 24 m of them."""
    rng = np.random.default_rng(0)
    return nifti(folder, rng.uniform(size=(3000, 40, 40)).astype("float32"))


def filled(value):
    array = brain().array.copy()
    array[5] = value
    return array


# Name of each bad input, how to make it, and words of the error message.
IMAGES = {
    "truncated": (truncated, "could not be read"),
    "truncated, not compressed": (lambda f: truncated(f, ".nii"), "could not be read"),
    "truncated MGH": (lambda f: truncated(f, ".mgz"), "could not be read"),
    "truncated MetaImage": (lambda f: truncated(f, ".mha"), "could not be read"),
    "corrupt": (corrupt, "could not be read"),
    "zero bytes": (empty, "could not be read"),
    "wrong magic": (wrong_magic, "could not be read"),
    "no such file": (lambda f: f / "none.nii.gz", "no such file"),
    "a folder": (lambda f: f, "could not be read"),
    "two dimensions": (lambda f: nifti(f, np.eye(20)[..., None]), "3 dimensions"),
    "a series": (lambda f: nifti(f, np.random.rand(6, 6, 6, 3)), "3 channels"),
    "colours": (colours, "3 channels"),
    "complex": (lambda f: nifti(f, np.ones((6, 6, 6), "complex64")), "real numbers"),
    "NaN": (lambda f: nifti(f, np.full((6, 6, 6), np.nan)), "216 voxels that are not"),
    "infinity": (lambda f: nifti(f, filled(np.inf)), "480 voxels that are not"),
    "constant": (lambda f: nifti(f, np.full((6, 6, 6), 3.0)), "all equal"),
    "labels": (labels, "map of labels"),
    "zero spacing": (lambda f: with_zooms(f, [8, 0, 8]), "spacing is [8.0, 0.0"),
    "negative spacing": (lambda f: with_zooms(f, [8, -8, 8]), "spacing is [8.0, -8"),
    "singular affine": (lambda f: with_affine(f, np.ones((3, 4))), "axes parallel"),
    "affine of NaN": (lambda f: with_affine(f, np.full((3, 4), np.nan)), "finite"),
    "3000 voxels": (slabs, "crop it"),
    "4 TB": (lambda f: promised(f, ".nii"), "crop it"),
    "4 TB, compressed": (lambda f: promised(f, ".nii.gz"), "crop it"),
}  # fmt: skip
ANY_VALUES = {"two dimensions", "constant", "labels", "3000 voxels"}


@pytest.fixture(scope="module")
def registrar():
    return kregzoo.load(BRAINS)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Make a working folder with a valid image, transform and data set."""
    monkeypatch.chdir(tmp_path)
    brain().write("good.nii.gz")
    AffineTransform(np.eye(4)).save("still.tfm")
    return tmp_path


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def refused(words, folder, capfd):
    """Return the only line of the error, after checking that no files are left."""
    before = contents(folder)
    capfd.readouterr()
    try:
        code = cli.main([str(word) for word in words])
    except SystemExit as stop:
        code = stop.code
    streams = capfd.readouterr()
    assert code == 2 and streams.out == ""
    # Libraries may print other lines before it.
    *others, line = streams.err.splitlines()
    assert line.startswith("kregzoo: error: ")
    assert not any("Traceback" in other or "kregzoo:" in other for other in others)
    assert contents(folder) == before
    return line


# A long moving image is cropped to the field of view of the fixed image.
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
    assert words in refused(["register", *pair, "-o", "out"], place, capfd)


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
    words = "not in its folder" if name in NOT_A_FILE else words
    command = ["train", "voxelmorph", "--data", data, "--out", "out", "--steps", 1]
    assert words in refused(command, place, capfd)


@pytest.mark.parametrize("name", sorted(IMAGES.keys() - NOT_A_FILE))
def test_evaluation_records_the_error_and_goes_on(place, name):
    make, words = IMAGES[name]
    data = data_set(place, make(place), "eval")
    method = kregzoo.evaluation.preset_methods(BRAINS, 0)[0]
    table = kregzoo.evaluation.evaluate([method], data, place / "out", progress=False)
    (row,) = table.rows
    assert words in row["error"]


@pytest.mark.parametrize("name", sorted(NOT_A_FILE))
def test_evaluate_command(place, capfd, name):
    data = data_set(place, IMAGES[name][0](place), "eval")
    command = ["evaluate", BRAINS, "--data", data, "--out", "out"]
    assert "not in its folder" in refused(command, place, capfd)


def test_a_volume_for_a_network_of_slices(place, capfd):
    command = ["register", "good.nii.gz", "good.nii.gz", "-o", "out"]
    line = refused([*command, "--model", HEARTS], place, capfd)
    assert "`moving` must have 2 dimensions" in line


def test_labels_must_be_whole_numbers(place, capfd):
    command = ["register", "good.nii.gz", "good.nii.gz", "-o", "out"]
    line = refused([*command, "--labels", "good.nii.gz"], place, capfd)
    assert "--labels" in line and "whole numbers" in line


def test_images_that_do_not_overlap(registrar, place):
    apart = np.eye(4)
    apart[0, 3] = 5000.0
    image = brain()
    with pytest.raises(ValueError, match="does not overlap.*Received"):
        registrar.register(image, image, initial=AffineTransform(apart), progress=False)


def test_a_sheared_affine_is_kept(registrar, place):
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


@contextlib.contextmanager
def as_nobody(folder):
    """Drop the rights of root, if the tests run as root."""
    if os.geteuid():
        yield
        return
    # Only the owner may read the folders of pytest.
    above = {path: path.stat().st_mode for path in list(folder.parents)[:3]}
    for path in above:
        path.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for path, mode in above.items():
            path.chmod(mode)


WRITING = {
    "warp": "warp good.nii.gz still.tfm --like good.nii.gz -o out.nii.gz",
    "register": "register good.nii.gz good.nii.gz -o out/there",
}


def test_a_file_that_may_not_be_read(place, capfd):
    os.chmod("good.nii.gz", 0)
    place.chmod(0o755)
    with as_nobody(place):
        assert "good.nii.gz" in refused(WRITING["warp"].split(), place, capfd)


@pytest.mark.parametrize("command", WRITING.values(), ids=WRITING)
def test_a_folder_that_may_not_be_written(place, capfd, command, registrar):
    # Import first, because other users may not be able to read the modules.
    assert cli.main(command.replace("out", "first").split()) == 0
    place.chmod(0o555)
    with as_nobody(place):
        assert "Permission denied" in refused(command.split(), place, capfd)
    place.chmod(0o755)


@contextlib.contextmanager
def full_disk(size):
    """Limit the size of files in bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FULL = {
    "nothing fits": ("warp", 2000),
    "no result fits": ("register", 2000),
    "the last does not fit": ("register", 300_000),
}


@pytest.mark.parametrize(("command", "size"), FULL.values(), ids=FULL)
def test_a_full_disk(place, capfd, command, size, registrar):
    with full_disk(size):
        refused(WRITING[command].split(), place, capfd)


TOO_LARGE = """
import numpy as np
from kregzoo.spatial import DisplacementTransform, Grid

field = DisplacementTransform(np.zeros((20, 20, 20, 3)), Grid.centred((20, 20, 20)))
try:
    field.save("field.h5")
except OSError:
    print("refused")
"""


def test_a_full_disk_does_not_crash_the_process(place):
    # HDF5 tries to write again when a process ends, and crashes.
    with full_disk(100_000):
        done = subprocess.run(
            [sys.executable, "-c", TOO_LARGE],
            cwd=place,
            capture_output=True,
            encoding="utf-8",
        )
    assert (done.returncode, done.stdout) == (0, "refused\n")
    assert not (place / "field.h5").exists()


KILLED = """
import os, sys
import kregzoo
from kregzoo.registrars import Registration
from kregzoo.spatial import AffineTransform
import numpy as np

Registration.to_html = lambda self: os.kill(os.getpid(), 9)
images = [kregzoo.spatial.as_image("good.nii.gz")] * 2
Registration(*images, AffineTransform(np.eye(4)), {}).save("out")
"""


def test_a_run_killed_while_it_writes(place):
    (place / "out").mkdir()
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=place, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    # Three of four files were written, and none may be visible.
    assert list((place / "out").iterdir()) == []


@pytest.fixture
def preset(place):
    """Copy a preset, to damage the copy."""
    return shutil.copytree(installed_presets()[HEARTS], place / "preset")


def rewrite(preset, name, change):
    """Change a file of a preset and the stored hash."""
    path = preset / name
    if name.endswith(".json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content))
    else:
        change(path)
    metadata = json.loads((preset / "metadata.json").read_text(encoding="utf-8"))
    metadata["sha256"][name] = sha256(path)
    (preset / "metadata.json").write_text(json.dumps(metadata))


def other_shapes(path):
    with h5py.File(path, "r+") as file:
        names = []
        file.visit(names.append)
        for name in names:
            if isinstance(file[name], h5py.Dataset):
                del file[name]
                file[name] = np.zeros((2, 2), "float32")


def bomb(path):
    """Write a terabyte of zeros to a compressed file of some kilobytes."""
    with h5py.File(path, "r+") as file:
        options = {"compression": "gzip", "chunks": (2**20,)}
        file.create_dataset("zeros", (2**38,), "float32", **options)


PRESETS = {
    "wrong hash": lambda p: (p / "config.json").write_text("{}"),
    "no weights": lambda p: (p / "model.weights.h5").unlink(),
    "no metadata": lambda p: (p / "metadata.json").unlink(),
    "no JSON": lambda p: (p / "metadata.json").write_text("{"),
    "half the weights": lambda p: rewrite(
        p, "model.weights.h5", lambda path: os.truncate(path, 5000)
    ),
    "pickled weights": lambda p: rewrite(
        p, "model.weights.h5", lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n.")
    ),
    "wrong shapes": lambda p: rewrite(p, "model.weights.h5", other_shapes),
    "a bomb": lambda p: rewrite(p, "model.weights.h5", bomb),
    "no such system": lambda p: rewrite(
        p, "config.json", lambda config: config.update(system="os.system")
    ),
    "no system": lambda p: rewrite(p, "config.json", lambda config: config.clear()),
    "no such argument": lambda p: rewrite(
        p, "config.json", lambda config: config["arguments"].update(code="import os")
    ),
    "no such recipe": lambda p: rewrite(
        p, "config.json", lambda config: config.update(recipe="mars")
    ),
    "a frame of words": lambda p: rewrite(
        p, "preprocessor.json", lambda frame: frame.update(spacing="one")
    ),
    "an empty frame": lambda p: rewrite(p, "preprocessor.json", lambda f: f.clear()),
}


@pytest.mark.parametrize("spoil", PRESETS.values(), ids=PRESETS)
def test_a_spoiled_preset(place, preset, capfd, spoil):
    spoil(preset)
    with pytest.raises(ValueError):
        kregzoo.load(preset)
    command = ["register", "good.nii.gz", "good.nii.gz", "-o", "out"]
    refused([*command, "--model", preset], place, capfd)


def keras_file(folder, layer):
    model = keras.Sequential([keras.Input((4,)), layer])
    model.save(folder / "model.keras")
    return folder / "model.keras"


NAMES = {
    "a name that leaves the folder": lambda f: f"../{f.name}/preset",
    "a lambda layer": lambda f: keras_file(f, keras.layers.Lambda(lambda x: x)),
    "a model, not a preset": lambda f: keras_file(f, keras.layers.Dense(2)),
    "an empty name": lambda f: "",
}


@pytest.mark.parametrize("make", NAMES.values(), ids=NAMES)
def test_other_folders_are_no_presets(place, capfd, make):
    name = make(place)
    with pytest.raises(ValueError, match="no preset of this name"):
        kregzoo.load(name)
    command = ["register", "good.nii.gz", "good.nii.gz", "-o", "out"]
    refused([*command, "--model", name], place, capfd)


@pytest.mark.parametrize("name", ["4 TB", "4 TB, compressed", "3000 voxels"])
def test_memory_is_bounded(place, registrar, name):
    path = IMAGES[name][0](place)
    tracemalloc.start()
    with pytest.raises(ValueError, match="crop it"):
        registrar.register(path, path, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Memory of twenty times the voxels.
    assert peak < 20 * 8 * 3000 * 40 * 40


READERS = {
    "image.nii": Image.read,
    "image.nii.gz": Image.read,
    "image.mgz": Image.read,
    "image.mha": Image.read,
    "image.nrrd": Image.read,
    "image.png": Image.read,
    "transform.tfm": read_transform,
    "field.nii.gz": read_transform,
}
FUZZED = 10_000


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Make small valid files to damage, and a folder for the results."""
    folder = tmp_path_factory.mktemp("fuzz")
    volume = Image.from_array(np.arange(60, dtype="int16").reshape(3, 4, 5))
    slice_ = Image.from_array(np.arange(12, dtype="uint8").reshape(3, 4))
    grid = Grid.centred((3, 3, 3), 2.0)
    field = DisplacementTransform(np.zeros((3, 3, 3, 3)), grid)
    for name in READERS:
        if name.startswith("image"):
            (slice_ if name.endswith("png") else volume).write(folder / name)
        else:
            whole = AffineTransform(np.eye(4)) if name.endswith("tfm") else field
            whole.save(folder / name)
    return {name: (folder / name).read_bytes() for name in READERS}, folder / "work"


def test_a_truncated_composite(place, registrar):
    registrar.register("good.nii.gz", "good.nii.gz", progress=False).save(place)
    whole = (place / "transform.h5").read_bytes()
    # Only truncated: on other damaged files the HDF5 library may never end.
    for kept in np.linspace(0, len(whole) - 1, 30).astype(int):
        (place / "transform.h5").write_bytes(whole[:kept])
        with pytest.raises(ValueError, match="no transform.*Received"):
            read_transform(place / "transform.h5")


def damaged(content, kept, changes, inner):
    """Damage the start of a file, also within the compressed data."""
    if inner and content[:2] == b"\x1f\x8b":
        return gzip.compress(damaged(gzip.decompress(content), kept, changes, False), 1)
    content = bytearray(content[: round(kept * len(content))])
    for where, change in changes:
        start = round(where * len(content))
        content[start : start + len(change)] = change
    return bytes(content)


def test_readers_meet_damaged_files(seeds, capsys):
    files, work = seeds
    work.mkdir()
    outcomes = collections.Counter()

    @settings(max_examples=FUZZED, deadline=None, database=None)
    @given(
        st.sampled_from(sorted(READERS)),
        st.one_of(st.just(1.0), st.floats(0.0, 1.0)),
        st.lists(st.tuples(st.floats(0.0, 1.0), st.binary(max_size=8)), max_size=4),
        st.booleans(),
    )
    def read(name, kept, changes, inner):
        (work / name).write_bytes(damaged(files[name], kept, changes, inner))
        try:
            READERS[name](work / name)
            outcomes["read"] += 1
        except ValueError:
            outcomes["refused"] += 1

    read()
    assert outcomes.total() >= FUZZED and min(outcomes.values()) > FUZZED / 10
    with capsys.disabled():
        print(f"\n{outcomes.total()} damaged files: {dict(outcomes)}")
