"""A way to register a pair, run as its users run it.

A `Method` reads two files, registers them, and writes the warped image and the
transform into a folder; this is what is timed. The transform is then read back, so that
the same code measures all methods.
"""

import dataclasses
import functools
import importlib.metadata
import pathlib
from collections.abc import Callable

from kregzoo.spatial import CompositeTransform, read_transform

INVERSE = "inverse.h5"


@dataclasses.dataclass(frozen=True)
class Method:
    """Way to register a pair.

    Args:
        name: str, such as `"ants-syn"`.
        run: callable of the moving path, the fixed path and a folder to write to. It
            returns the paths of the transforms, in the order in which they map points
            of the fixed image. A method that also predicts the inverse transform writes
            it to the folder as `INVERSE`.
        description: dict of strings: the package with its version, and the parameters.
    """

    name: str
    run: Callable
    description: dict

    def transform(self, paths):
        """Read the transforms that `run` wrote as one transform."""
        return CompositeTransform([read_transform(path) for path in paths])

    def inverse(self, folder):
        """Read the inverse from the folder of a run; None if there is none."""
        path = pathlib.Path(folder) / INVERSE
        return read_transform(path) if path.is_file() else None


def make_method(package, run, name, **parameters):
    """Make a method that records the parameters that it runs with.

    Args:
        package: str. The distribution that it is part of.
        run: callable of moving, fixed and folder, see `Method`, and of the parameters.
        name: str.
        **parameters: of `run`.

    Returns:
        A `Method`.
    """
    description = {
        "package": version(package),
        "parameters": " ".join(f"{key}={value}" for key, value in parameters.items()),
    }
    return Method(name, functools.partial(run, **parameters), description)


def version(package):
    """Return a distribution's name and version for a method's description."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} (not installed)"


def written(warped, transform, folder):
    """Write a warped image and a transform; return the paths for `Method.run`."""
    warped.write(folder / "warped.nii.gz")
    transform.save(folder / "transform.h5")
    return [folder / "transform.h5"]
