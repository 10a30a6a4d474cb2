"""The command line."""

from kregzoo.cli.commands import main

__all__ = ["main"]
