"""The command line: `kregzoo list`, `register`, `warp`, `train`, `evaluate`, ...

Each command is a module with its parser and its action. Commands import heavy packages
only when they run, so that help appears at once. Bad input ends with exit code 2 and
one line on standard error, before anything is written.
"""

import argparse
import importlib.util
import pathlib
import sys

from kregzoo import __version__
from kregzoo.cli import (
    app,
    benchmark,
    compare,
    demo,
    evaluate,
    info,
    list,
    portability,
    push,
    register,
    register_cohort,
    run,
    train,
    warp,
)

COMMANDS = (
    list,
    info,
    register,
    register_cohort,
    run,
    warp,
    train,
    push,
    evaluate,
    compare,
    benchmark,
    portability,
    demo,
    app,
)
EXAMPLES = """\
examples:
  kregzoo demo                                        register an example
  kregzoo list                                        list the presets
  kregzoo register moving.nii.gz fixed.nii.gz -o out  align one image to another
  kregzoo warp labels.nii.gz out/transform.h5 --like fixed.nii.gz -o l.nii.gz --nearest
"""


class _Parser(argparse.ArgumentParser):
    """Parser that shows examples in its help and reports errors in one line."""

    def __init__(self, **options):
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def main(arguments=None):
    """Run the command line.

    Args:
        arguments: list of str, the words after `kregzoo`. Defaults to those of the
            process.

    Returns:
        Exit code: 0, 1 when a comparison shows a loss, 2 for unusable input, 130 when
        interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        for path in options.systems:
            _run_file(path)
        return options.command(options) or 0
    # Errors of the input or the machine. Any other error is a bug and is not caught.
    except (ValueError, OSError, ImportError) as error:
        print(f"kregzoo: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser():
    parser = _Parser(
        prog="kregzoo",
        description="Register medical images with pretrained networks, or without one.",
        epilog=EXAMPLES,
    )
    version = f"kregzoo {__version__}"
    parser.add_argument("--version", action="version", version=version)
    parser.add_argument(
        "--systems",
        action="append",
        default=[],
        metavar="FILE.py",
        help="Python file that makes systems of your own known by "
        "`kregzoo.zoo.register_system`; may be given several times",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def _run_file(path):
    """Import a user's Python file, which registers systems."""
    name = f"kregzoo_systems_{pathlib.Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ValueError(f"`--systems` must be a Python file. Received: {path}")
    module = importlib.util.module_from_spec(spec)
    # Pickle and Keras look classes up in the modules that define them.
    sys.modules[name] = module
    spec.loader.exec_module(module)
