"""The command line."""

from kregzoo.cli.command_line import main

__all__ = ["main"]
