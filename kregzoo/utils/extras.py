"""Packages that only extras of kregzoo install."""

import importlib


def import_extra(module, user, extra):
    """Import a module that an extra installs.

    Args:
        module: str. Name of the module.
        user: str. What needs it, for the message of the error.
        extra: str. Name of the extra.

    Returns:
        The module.

    Raises:
        ImportError: If the module is not installed.

    Example:
        >>> import_extra("json", "The report", "report").loads("1")
        1
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f'{user} needs {package}: pip install "kregzoo[{extra}]"'
        ) from error
