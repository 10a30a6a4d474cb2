"""`kregzoo list`: list the presets."""

from kregzoo.cli.running import print_rich, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo list`."""
    parser = commands.add_parser(
        "list", help="list the presets", description="List the installed presets."
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo list`."""
    start_keras()
    import dataclasses
    import json

    from kregzoo import zoo

    records = zoo.list_models()
    if options.json:
        print(json.dumps([dataclasses.asdict(record) for record in records], indent=2))
    else:
        print_rich(zoo.table(records))
