"""Functions that several commands use: check outputs, start Keras, print."""

import warnings

from kregzoo.utils.files import as_path
from kregzoo.utils.first_import import silenced_stderr


def new_file(path):
    """Check the path of a file to write.

    Args:
        path: str, or None.

    Returns:
        `path`.

    Raises:
        ValueError: If the folder of the file does not exist.
    """
    if path and not as_path(path).absolute().parent.is_dir():
        raise ValueError(f"The output's folder must exist. Received: {path}")
    return path


def new_folder(path):
    """Check the path of a folder to write, without making it.

    Args:
        path: str.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: If the path is a file.
    """
    path = as_path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"The output must be a folder. Received the file: {path}")
    return path


def start_keras():
    """Import Keras and start its backend, silencing the backend's messages."""
    with silenced_stderr():
        import keras

        keras.ops.zeros(1)


def silenced_warnings():
    """Make a scope without warnings about registrations, which the caller reports."""
    from kregzoo.registrars import RegistrationWarning

    return warnings.catch_warnings(action="ignore", category=RegistrationWarning)


def print_rich(renderable):
    """Print a table or Markdown to the terminal."""
    from rich.console import Console

    Console().print(renderable)
