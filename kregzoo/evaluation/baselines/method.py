"""Methods that a protocol measures."""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Method:
    """Method that solves the cases of a protocol, run as its users run it.

    Args:
        name: str, for example `"ants-syn"`.
        run: callable of the inputs of a case and a folder to write to. It returns the
            answer that the case measures. For pairs of images, it takes the moving
            path, the fixed path and the folder, and returns a `WrittenTransform`.
        description: dict of strings: the package with its version, and the parameters.
        run_with_report: callable like `run` that also writes the report and returns the
            result of the network. None for a method without a report.
    """

    name: str
    run: Callable
    description: dict
    run_with_report: Callable | None = None


def make_method(package, run, name, **parameters):
    """Make a method that records the parameters that it runs with.

    Args:
        package: str. The distribution that contains the method.
        run: callable, see `Method`, which also takes the parameters.
        name: str.
        **parameters: Parameters of `run`.

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
