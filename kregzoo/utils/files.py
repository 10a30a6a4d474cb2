"""Writing files so that a reader never meets half of one, or half of a set."""

import contextlib
import os
import pathlib
import shutil
import uuid

# Whose rights are asked for: those that the process acts with, where that can be.
EFFECTIVE = os.access in os.supports_effective_ids


@contextlib.contextmanager
def atomic(path):
    """Write to a temporary neighbour of `path` that replaces it only when complete.

    Args:
        path: The file to write. Its folder must exist.

    Yields:
        The temporary `pathlib.Path` to write to, with the same endings as `path`.
        If the body raises, the temporary file goes and `path` stays as it was.

    Raises:
        ValueError: If the folder does not exist.

    Example:
        >>> import tempfile
        >>> with atomic(f"{tempfile.mkdtemp()}/points.txt") as temporary:
        ...     _ = temporary.write_text("1 2 3")
    """
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise ValueError(
            "The folder of `path` must exist; make it first. "
            f"Received: path={str(path)!r}"
        )
    # In the same folder, because os.replace is atomic only within a file system.
    temporary = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path):
    """Write files to a temporary folder that go to `path` only when all are complete.

    Args:
        path: The folder, made with its parents if it does not exist. Files that it has
            stay, unless one of the same name is written.

    Yields:
        The temporary `pathlib.Path` to write to. If the body raises, nothing is left
        of it.

    Raises:
        ValueError: If `path` is not a folder.

    Example:
        >>> import tempfile
        >>> with atomic_folder(f"{tempfile.mkdtemp()}/results") as temporary:
        ...     _ = (temporary / "points.txt").write_text("1 2 3")
    """
    path = pathlib.Path(path).resolve()
    if path.exists() and not path.is_dir():
        raise ValueError(f"`path` must be a folder. Received: path={str(path)!r}")
    temporary = _beside(path) / f".{uuid.uuid4().hex}-{path.name}"
    temporary.mkdir()
    try:
        yield temporary
        path.mkdir(parents=True, exist_ok=True)
        for file in sorted(temporary.iterdir()):
            os.replace(file, path / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(path):
    """The folder to write what goes to a folder, in one file system with it.

    That is the one that holds it, where nothing that a killed process leaves is in the
    way; or itself, where it is a mount, or all that may be written to.
    """
    parent = next(folder for folder in path.parents if folder.is_dir())
    if path.is_dir():
        writable = os.access(parent, os.W_OK, effective_ids=EFFECTIVE)
        if not writable or parent.stat().st_dev != path.stat().st_dev:
            return path
    return parent
