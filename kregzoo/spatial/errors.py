"""Errors that the modules of this package raise for one another."""


class UnsuitableImageError(ValueError):
    """A file that is intact but holds no image that can be registered."""
