"""`kregzoo info`: show the card of a preset."""

from kregzoo.cli.options import MODEL
from kregzoo.cli.running import print_rich, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo info`."""
    parser = commands.add_parser(
        "info",
        help="show the card of a preset",
        description="Show the training data, accuracy and limits of a preset.",
        epilog=f"example:\n  kregzoo info {MODEL}",
    )
    parser.add_argument("name", metavar="NAME", help="preset of `kregzoo list`")
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo info`."""
    start_keras()
    from rich.markdown import Markdown

    from kregzoo.presets.preset import find_preset

    card = find_preset(options.name).folder / "README.md"
    print_rich(Markdown(card.read_text(encoding="utf-8")))
