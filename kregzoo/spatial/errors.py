"""Errors of the package."""


class UnsuitableImageError(ValueError):
    """A file is intact, but does not hold an image that can be registered."""
