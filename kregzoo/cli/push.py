"""`kregzoo push`: upload a preset to the Hugging Face Hub."""

from kregzoo.cli.running import start_keras


def add_parser(commands):
    """Add the parser of `kregzoo push`."""
    parser = commands.add_parser(
        "push",
        help="upload a preset folder to the Hugging Face Hub",
        description="Upload a preset folder to the Hugging Face Hub, so that others "
        'can load it by its address\n(pip install "kregzoo[hub]"; log in with '
        "`hf auth login`).",
        epilog="example:\n  kregzoo push my_preset hf://my_name/my_preset",
    )
    parser.add_argument("folder", metavar="DIR", help="folder of the preset")
    parser.add_argument(
        "address", metavar="ADDRESS", help="hf://OWNER/NAME; created if missing"
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo push`."""
    start_keras()
    from kregzoo import zoo

    print(zoo.push(options.folder, options.address))
