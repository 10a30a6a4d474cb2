"""`kregzoo warp`: apply a transform to an image."""

import sys

from kregzoo.cli.running import start_keras


def add_parser(commands):
    """Add the parser of `kregzoo warp`."""
    parser = commands.add_parser(
        "warp",
        help="apply a transform to an image",
        description="Warp an image of the moving space to the grid of the fixed image.",
        epilog="example:\n  kregzoo warp labels.nii.gz out/transform.h5 "
        "--like fixed.nii.gz -o warped.nii.gz --nearest",
    )
    parser.add_argument("image", metavar="IMAGE", help="image of the moving space")
    parser.add_argument(
        "transform", metavar="TRANSFORM", help="ITK transform (.h5, .tfm) or field"
    )
    parser.add_argument(
        "--like", required=True, metavar="FIXED", help="image whose grid to use"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="image to write"
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--nearest",
        dest="interpolation",
        action="store_const",
        const="nearest",
        help="nearest neighbor, for labels (default for images that look like labels)",
    )
    choice.add_argument(
        "--linear",
        dest="interpolation",
        action="store_const",
        const="linear",
        help="linear interpolation, for images (default for other images)",
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo warp`."""
    start_keras()
    from kregzoo.spatial import as_image, read_transform
    from kregzoo.spatial.label_detection import looks_like_labels

    image = as_image(options.image, "IMAGE", allow_labels=True)
    like = as_image(options.like, "--like", allow_labels=True)
    transform = read_transform(options.transform)
    interpolation = options.interpolation
    if interpolation is None and looks_like_labels(image.array):
        print(
            f"{options.image} looks like a map of labels and is warped by nearest "
            "neighbor; use --linear for linear interpolation.",
            file=sys.stderr,
        )
        interpolation = "nearest"
    transform.apply(image, like.grid, interpolation or "linear").write(options.output)
    print(options.output)
