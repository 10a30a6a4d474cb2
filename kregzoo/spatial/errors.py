"""Errors of the package."""


class UnsuitableImageError(ValueError):
    """Raised if a file is intact, but its image cannot be registered."""
