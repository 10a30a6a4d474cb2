"""`kregzoo warp`: apply a transform to an image."""

from kregzoo.cli.running import start_keras


def add_parser(commands):
    """Add the parser of `kregzoo warp`."""
    parser = commands.add_parser(
        "warp",
        help="apply a transform to an image",
        description="Resample an image of the moving space on the grid of another.",
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
    parser.add_argument(
        "--nearest", action="store_true", help="nearest neighbour, for labels"
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo warp`."""
    start_keras()
    from kregzoo.spatial import as_image, read_transform

    image = as_image(options.image, "IMAGE", allow_labels=True)
    like = as_image(options.like, "--like", allow_labels=True)
    transform = read_transform(options.transform)
    interpolation = "nearest" if options.nearest else "linear"
    transform.apply(image, like.grid, interpolation).write(options.output)
    print(options.output)
