"""Registrations of uploaded files."""

import pathlib

import numpy as np
import pytest

from kregzoo.app import session
from kregzoo.registrars.registration import Registration
from kregzoo.spatial import AffineTransform, Image, as_image

PRESET = "dirnet_cardiac_cine"
RAMP = Image.from_array(np.arange(80.0).reshape(10, 8))


class Still:
    """Registrar in place of a network, which returns the identity."""

    def register(self, moving, fixed, refine, progress):
        pair = as_image(moving, "moving"), as_image(fixed, "fixed")
        return Registration(*pair, AffineTransform(np.eye(3)), {"total": refine})


@pytest.fixture
def still(monkeypatch):
    monkeypatch.setattr(session, "_registrar", lambda preset: Still())


@pytest.fixture
def image(tmp_path):
    """Write an image file to a separate folder and return the path."""
    (tmp_path / "given").mkdir()
    RAMP.write(tmp_path / "given" / "ramp.mha")
    return tmp_path / "given" / "ramp.mha"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept"


def test_results_are_kept_until_forgotten(image, folder, still):
    stages = []
    outcome = session.register(
        PRESET, str(image), str(image), 7.0, folder, lambda *told: stages.append(told)
    )
    assert outcome.registration.metrics["seconds"]["total"] == 7
    assert all(
        path.parent.parent == folder and path.is_file() for path in outcome.paths
    )
    shares = [share for share, _ in stages]
    assert shares == sorted(shares) and 0 <= shares[0] and shares[-1] <= 1
    session.forget(outcome)
    session.forget(None)
    assert not any(folder.iterdir())


def test_a_failure_leaves_no_files(image, folder, still, monkeypatch):
    def save(self, directory):
        (pathlib.Path(directory) / "half").touch()
        raise OSError("No space left on device")

    monkeypatch.setattr(Registration, "save", save)
    with pytest.raises(OSError, match="No space"):
        session.register(PRESET, str(image), str(image), 0, folder)
    assert not any(folder.iterdir())


@pytest.mark.parametrize(
    "preset, moving, fixed, words",
    [
        (PRESET, None, "ramp", "two images"),
        (PRESET, "ramp", None, "two images"),
        (None, "ramp", "ramp", "preset"),
        ("/etc", "ramp", "ramp", "preset"),
    ],
)
def test_missing_inputs_are_named(preset, moving, fixed, words, image, folder):
    paths = [name and str(image) for name in (moving, fixed)]
    with pytest.raises(ValueError, match=words):
        session.register(preset, *paths, 0, folder)


@pytest.mark.parametrize("suffix", session.SUFFIXES)
def test_whole_files_are_accepted(suffix, tmp_path):
    Image(RAMP.array.astype("uint8"), RAMP.grid).write(tmp_path / f"image{suffix}")
    session.check_file(tmp_path / f"image{suffix}")


@pytest.mark.parametrize(
    "name, content",
    [
        ("notes.txt", b"text"),
        ("image.mhd", b"ElementDataFile = LOCAL\n"),
        ("image.nii", b""),
        ("image.mha", b"NDims = 2\nElementDataFile = /etc/passwd\n"),
        ("image.mha", b"NDims = 2\nElementDataFile=LOCALS\n"),
        ("image.mha", b"NDims = 2\nElementDataFile\0 = /etc/passwd\n"),
        ("image.nrrd", b"NRRD0004\ndimension: 2\ndata file: ../secret\n"),
        ("image.nrrd", b"NRRD0004\ndimension: 2\ndatafile: LIST\n"),
    ],
)
def test_other_files_are_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"Received: {name}"):
        session.check_file(tmp_path / name)


def test_errors_name_files_as_the_user_does():
    error = ValueError("`moving` is <b>bad</b>. Received: path='/tmp/x/a b.nii'")
    text = session.in_words(error, "/tmp/x/a b.nii", None)
    assert text == "`moving` is &lt;b&gt;bad&lt;/b&gt;. Received: path='a b.nii'"
