"""`kregzoo compare`: compare two evaluations."""

import sys

from kregzoo.cli.running import print_rich


def add_parser(commands):
    """Add the parser of `kregzoo compare`."""
    parser = commands.add_parser(
        "compare",
        help="compare two evaluations",
        description="Show the change of each method between two tables of `kregzoo "
        "evaluate`, on their common pairs, with\nthe 95 % interval over persons. "
        "The exit code is 1 if a method is worse, with the whole interval\nbeyond the "
        "tolerance.",
        epilog="example:\n  kregzoo compare before/brain_t1.csv after/brain_t1.csv",
    )
    parser.add_argument("before", metavar="A.csv", help="table to compare with")
    parser.add_argument("after", metavar="B.csv", help="table to check")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="X",
        help="decrease of Dice to ignore (default: %(default)s)",
    )
    parser.add_argument(
        "--tolerance-mm",
        type=float,
        default=0.0,
        metavar="X",
        help="increase of distances to ignore, in mm (default: %(default)s)",
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo compare`."""
    from kregzoo import evaluation

    changes = evaluation.compare(
        evaluation.read_rows(options.before),
        evaluation.read_rows(options.after),
        options.tolerance,
        options.tolerance_mm,
        # The same pair has the same persons in both tables, if both record them.
        evaluation.read_persons(options.before)
        | evaluation.read_persons(options.after),
    )
    print_rich(evaluation.changes_table(changes))
    worse = sum(change.verdict == "worse" for change in changes)
    if worse:
        print(f"{worse} worse", file=sys.stderr)
        return 1
    return 0
