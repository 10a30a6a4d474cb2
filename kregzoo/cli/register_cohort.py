"""`kregzoo register-cohort`: align many pairs."""

import sys

from kregzoo.cli.options import (
    MODEL,
    add_output_folder,
    add_passes,
    add_refine,
    positive,
)
from kregzoo.cli.running import new_folder, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo register-cohort`."""
    parser = commands.add_parser(
        "register-cohort",
        help="align many pairs, in several processes or on a cluster",
        description="Align the pairs of a table, in several processes of this machine "
        "or on the workers of a\nDask scheduler, which need kregzoo and the files at "
        'the same paths\n(pip install "kregzoo[cohort]"). The table is a CSV file with '
        "the columns moving and fixed,\nand optionally subject, session, and labels of "
        "the moving image.\nWrites the warped image, the transform (ITK, fixed to "
        "moving) and the metrics of each pair,\nnamed as BIDS derivatives. A second "
        "run resumes the first. The exit code is 1 if a pair failed;\nfailures.csv "
        "then lists it.",
        epilog="examples:\n"
        "  kregzoo register-cohort pairs.csv -o out --workers 4\n"
        "  kregzoo register-cohort pairs.csv -o out --scheduler tcp://node1:8786",
    )
    parser.add_argument("pairs", metavar="PAIRS.csv", help="table of the pairs")
    add_output_folder(parser, flags=("-o", "--out", "--output"), required=True)
    parser.add_argument(
        "--model", default=MODEL, metavar="NAME", help="preset (default: %(default)s)"
    )
    add_passes(parser)
    add_refine(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="processes of this machine (default: one per core)",
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers to use"
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo register-cohort`."""
    output = new_folder(options.output)
    start_keras()
    from kregzoo import cohort

    outcome = cohort.register_cohort(
        cohort.read_cohort(options.pairs),
        output,
        options.model,
        options.passes,
        options.refine,
        options.scheduler,
        options.workers,
        announce=lambda text: print(text, file=sys.stderr),
    )
    print(outcome)
    if outcome.failures:
        print(output / cohort.FAILURES)
        return 1
