"""`kregzoo app`: register in the browser."""

import argparse

from kregzoo.cli.options import positive
from kregzoo.cli.running import start_keras


def add_parser(commands):
    """Add the parser of `kregzoo app`."""
    parser = commands.add_parser(
        "app",
        help="register in the browser",
        description="Serve a page that registers two images and shows the result, "
        'until Ctrl-C\n(pip install "kregzoo[app]"). All uploads and results are '
        "deleted at the end.",
        epilog="example:\n  kregzoo app --port 8000",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on: the default, %(default)s, serves this machine "
        "only; 0.0.0.0 serves everyone who can reach it, without a password",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=7860,
        metavar="N",
        help="port to listen on (default: %(default)s)",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="do not open the page in the browser"
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo app`."""
    start_keras()
    from kregzoo import app

    app.serve(options.host, options.port, browser=not options.no_browser)


def _port(text):
    number = positive(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"must be at most 65535. Received: {text}")
    return number
