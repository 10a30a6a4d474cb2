"""`kregzoo portability`: compare backends and exported formats."""

from kregzoo.cli.options import positive
from kregzoo.cli.running import new_file, print_rich, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo portability`."""
    parser = commands.add_parser(
        "portability",
        help="compare backends and exported formats, and measure memory",
        description="Register one pair with each preset on every installed backend, "
        "export the preset to every\nformat, and measure the memory that registering "
        "cubes of 1 mm voxels takes\n"
        '(pip install "kregzoo[bench,export,jax,torch]" onnxruntime ai-edge-litert).',
        epilog="example:\n  kregzoo portability dirnet_cardiac_cine -o found.json",
    )
    parser.add_argument(
        "presets",
        nargs="*",
        metavar="PRESET",
        help="(default: all that can be exported)",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=positive,
        metavar="N",
        help="voxels of the cubes per axis (default: 128 192 256)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="JSON file for the measurements"
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo portability`."""
    output = new_file(options.output)
    start_keras()
    from rich.table import Table

    from kregzoo.evaluation import portability
    from kregzoo.utils.provenance import write_record

    sizes = options.sizes or portability.SIZES
    rows = portability.measure(options.presets, sizes)
    for name, heads in portability.TABLES.items():
        table = Table(*heads)
        for row in rows[name]:
            table.add_row(*portability.texts(row))
        print_rich(table)
    if output:
        words = ["kregzoo portability", *options.presets]
        words += ["--sizes", *map(str, sizes)] if options.sizes else []
        write_record(output, " ".join(words), tables=rows)
