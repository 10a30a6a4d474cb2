"""`kregzoo list`: list the presets."""

from kregzoo.cli.running import print_rich, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo list`."""
    parser = commands.add_parser(
        "list",
        help="list the presets",
        description="List the installed presets: which images they take, what they "
        "predict, and how accurate they are.",
        epilog="example:\n  kregzoo list --ndim 3 --modality MR",
    )
    parser.add_argument(
        "--ndim", type=int, choices=(2, 3), help="only presets for 2-D or 3-D images"
    )
    parser.add_argument(
        "--modality",
        metavar="NAME",
        help="only presets that take images of this modality, such as MR, CT or US",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo list`."""
    start_keras()
    import dataclasses
    import json

    from kregzoo import zoo

    records = zoo.list_models(options.ndim, options.modality)
    if options.json:
        print(json.dumps([dataclasses.asdict(record) for record in records], indent=2))
    else:
        print_rich(zoo.table(records))
