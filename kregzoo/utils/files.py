"""Atomic writing of files and sets of files: readers never see incomplete results."""

import contextlib
import os
import pathlib
import shutil
import tempfile
import uuid

# Check the rights of the effective user, on systems that support it.
EFFECTIVE = os.access in os.supports_effective_ids


def as_path(path):
    """Convert to a `pathlib.Path`, with a leading `~` replaced by the home folder.

    Args:
        path: A string or any path.

    Returns:
        A `pathlib.Path`. The `~name` of an unknown user stays as it is.

    Example:
        >>> as_path("~/scan.nii.gz") == pathlib.Path.home() / "scan.nii.gz"
        True
    """
    return pathlib.Path(os.path.expanduser(path))


@contextlib.contextmanager
def atomic(path):
    """Write to a temporary neighbor of `path` that replaces it only when complete.

    Args:
        path: The file to write. Its folder must exist. If it is a symbolic link, the
            link stays and the file that it points to is written.

    Yields:
        The temporary `pathlib.Path` to write to, with the endings of `path` in lower
        case, because some libraries do not recognize `.MHA` or `.Nii.gz`. If the body
        raises, the temporary file is removed and `path` stays as it was.

    Raises:
        ValueError: If the folder does not exist.

    Example:
        >>> import tempfile
        >>> with atomic(f"{tempfile.mkdtemp()}/points.txt") as temporary:
        ...     _ = temporary.write_text("1 2 3")
    """
    path = as_path(path)
    target = pathlib.Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise ValueError(
            "The folder of `path` must exist; make it first. "
            f"Received: path={str(path)!r}"
        )
    # In the same folder, because os.replace is atomic only within a file system.
    temporary = target.with_name(f".{uuid.uuid4().hex}-{path.name.lower()}")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def lowercase_alias(path):
    """Give a file a name in lower case while it is read.

    Some libraries choose the format by the ending and do not recognize `.TFM` or
    `.Nii.gz`.

    Args:
        path: A file that holds everything, not a header whose data lie beside it.

    Yields:
        The `pathlib.Path` to read: `path` itself if its name is in lower case, else a
        temporary link to it.

    Example:
        >>> with lowercase_alias("scan.NII") as readable:
        ...     readable.name
        'scan.nii'
    """
    path = as_path(path)
    if path.name == path.name.lower():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        alias = pathlib.Path(folder) / path.name.lower()
        try:
            alias.symlink_to(path.absolute())
        # Windows lets only some users make links.
        except OSError:
            shutil.copyfile(path, alias)
        yield alias


@contextlib.contextmanager
def atomic_folder(path):
    """Write files to a temporary folder that go to `path` only when all are complete.

    Args:
        path: The folder, made with its parents if it does not exist. Files that it has
            stay, unless one of the same name is written. A file that is a symbolic link
            is written where it points to.

    Yields:
        The temporary `pathlib.Path` to write to. If the body raises, it is removed.

    Raises:
        ValueError: If `path` is not a folder.

    Example:
        >>> import tempfile
        >>> with atomic_folder(f"{tempfile.mkdtemp()}/results") as temporary:
        ...     _ = (temporary / "points.txt").write_text("1 2 3")
    """
    path = as_path(path).resolve()
    if path.exists() and not path.is_dir():
        raise ValueError(f"`path` must be a folder. Received: path={str(path)!r}")
    temporary = _beside(path) / f".{uuid.uuid4().hex}-{path.name}"
    temporary.mkdir()
    try:
        yield temporary
        path.mkdir(parents=True, exist_ok=True)
        for file in sorted(temporary.iterdir()):
            with atomic(path / file.name) as neighbor:
                # A linked file may lie on another file system.
                shutil.move(file, neighbor)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(path):
    """Choose the folder for temporary files, on the same file system as `path`.

    This is the parent folder, so that files of a killed process do not remain in
    `path`. It is `path` itself if that is a mount, or if the parent is not writable.
    """
    parent = next(folder for folder in path.parents if folder.is_dir())
    if path.is_dir():
        writable = os.access(parent, os.W_OK, effective_ids=EFFECTIVE)
        if not writable or parent.stat().st_dev != path.stat().st_dev:
            return path
    return parent
