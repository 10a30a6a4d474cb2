"""Atomic files and progress bars."""
