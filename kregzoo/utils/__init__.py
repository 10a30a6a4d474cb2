"""Atomic files, progress bars, and provenance of results."""
