"""Writing files so that a reader never meets half of one."""

import contextlib
import os
import pathlib
import uuid


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
