"""Options that several commands share, and the types of their values."""

import argparse

MODEL = "voxelmorph_brain_t1"


def add_output_folder(parser, flags=("-o", "--output"), **options):
    """Add the option that names the output folder."""
    text = "folder to write to" + (
        " (default: %(default)s)" if "default" in options else ""
    )
    parser.add_argument(*flags, dest="output", metavar="DIR", help=text, **options)


def add_passes(parser):
    """Add the option for the passes of the network."""
    parser.add_argument(
        "--passes",
        type=positive,
        metavar="N",
        help="passes of a network that predicts a displacement or a velocity, each on "
        "the image warped so far (default: that of the preset)",
    )


def add_refine(parser):
    """Add the option for the steps of instance optimization."""
    parser.add_argument(
        "--refine",
        type=whole,
        default=0,
        metavar="N",
        help="steps of optimization after the network's prediction "
        "(default: %(default)s)",
    )


def whole(text):
    """Parse a whole number from 0."""
    number = int(text) if text.isdecimal() else -1
    if number < 0:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 0. Received: {text}"
        )
    return number


def positive(text):
    """Parse a whole number from 1."""
    number = whole(text)
    if not number:
        raise argparse.ArgumentTypeError("must be at least 1. Received: 0")
    return number
