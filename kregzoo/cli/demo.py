"""`kregzoo demo`: register a brain whose deformation is known."""

from kregzoo.cli.options import MODEL, add_output_folder, add_refine, whole
from kregzoo.cli.running import new_folder, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo demo`."""
    parser = commands.add_parser(
        "demo",
        help="register a brain with a known deformation",
        description="Register a brain with a known deformation, print the accuracy, "
        "and write a report.",
        epilog="example:\n  kregzoo demo -o demo --refine 50",
    )
    add_output_folder(parser, default="kregzoo_demo")
    parser.add_argument(
        "--model", default=MODEL, metavar="NAME", help="preset (default: %(default)s)"
    )
    add_refine(parser)
    parser.add_argument(
        "--seed",
        type=whole,
        default=0,
        metavar="N",
        help="random seed (default: %(default)s)",
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo demo`."""
    output = new_folder(options.output)
    start_keras()
    from kregzoo import demo

    demo.run(output, options.model, options.seed, options.refine)
