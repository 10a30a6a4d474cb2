"""Register uploaded images and keep the results of a session."""

import dataclasses
import functools
import html
import mmap
import pathlib
import re
import tempfile

from kregzoo import zoo
from kregzoo.presets.preset import installed_presets
from kregzoo.registrars.registration import Registration

SUFFIXES = (".nii", ".nii.gz", ".mgh", ".mgz", ".mha", ".nrrd", ".png")
# Headers of MetaImage and NRRD files may refer to any other file of this machine.
ELSEWHERE = re.compile(
    rb"ElementDataFile[^=:\r\n]*[=:]\s*+(?!LOCAL\s)|data ?file\s*:", re.I
)


@dataclasses.dataclass(frozen=True)
class SavedRegistration:
    """Result of a registration that a session keeps.

    Args:
        preset: str. Name of the preset.
        registration: the `Registration`.
        folder: `tempfile.TemporaryDirectory` that holds the files.
        paths: list of the files, as `Registration.save` returns them.
    """

    preset: str
    registration: Registration
    folder: tempfile.TemporaryDirectory
    paths: list


def register(preset, moving, fixed, refine, folder, tell=lambda share, stage: None):
    """Register two uploaded images and write the result.

    Args:
        preset: str. Name of an installed preset, or None if the user chose none.
        moving: path of the moving image, or None.
        fixed: path of the fixed image, or None.
        refine: number of optimization steps after the network's prediction.
        folder: path. The result gets a folder inside it.
        tell: function that receives the completed share, in [0, 1], and the name of
            the next step.

    Returns:
        A `SavedRegistration`.

    Raises:
        ValueError: If the images cannot be registered; `folder` is left unchanged.
    """
    if not (moving and fixed):
        raise ValueError("Choose two images, a moving and a fixed image.")
    if preset not in installed_presets():
        raise ValueError("Choose a preset.")
    for path in (moving, fixed):
        check_file(path)
    tell(0.1, "Loading the preset")
    registrar = _registrar(preset)
    tell(0.2, "Registering")
    result = registrar.register(moving, fixed, refine=int(refine), progress=False)
    tell(0.8, "Writing the result")
    home = tempfile.TemporaryDirectory(dir=folder)
    try:
        return SavedRegistration(preset, result, home, result.save(home.name))
    except BaseException:
        home.cleanup()
        raise


def check_file(path):
    """Check that an uploaded file is an image that needs no other file.

    Args:
        path: path of the file.

    Raises:
        ValueError: If the format is not supported, the file is empty, or the header
            refers to another file.
    """
    path = pathlib.Path(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise ValueError(
            f"Images must be of the formats {', '.join(SUFFIXES)}. "
            f"Received: {path.name}"
        )
    with open(path, "rb") as file:
        if not path.stat().st_size:
            raise ValueError(f"The file is empty. Received: {path.name}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if ELSEWHERE.search(content):
                raise ValueError(
                    "The file must contain the voxels, not refer to another file. "
                    f"Received: {path.name}"
                )


def forget(outcome):
    """Remove the files of a `SavedRegistration`, or do nothing for None."""
    if outcome is not None:
        outcome.folder.cleanup()


def in_words(error, *paths):
    """Format an error as HTML, with paths of uploads replaced by file names."""
    text = str(error)
    for path in filter(None, paths):
        text = text.replace(str(path), pathlib.Path(path).name)
    return html.escape(text, quote=False)


@functools.lru_cache(maxsize=4)
def _registrar(preset):
    return zoo.load(preset, task="register")
