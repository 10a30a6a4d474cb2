"""`kregzoo register`: align an image with another."""

from kregzoo.cli.options import MODEL, add_output_folder, add_refine
from kregzoo.cli.running import new_folder, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo register`."""
    parser = commands.add_parser(
        "register",
        help="align a moving image to a fixed one",
        description="Align a moving image to a fixed one, as the files are: any "
        "spacing, any orientation.\nWrites warped.nii.gz, transform.h5 (ITK, fixed to "
        "moving), metrics.json and report.html.",
        epilog="examples:\n"
        "  kregzoo register moving.nii.gz fixed.nii.gz -o out\n"
        "  kregzoo register moving.nii.gz fixed.nii.gz -o out --refine 50\n"
        "  kregzoo register moving.nii.gz fixed.nii.gz -o out "
        "--labels moving_labels.nii.gz",
    )
    parser.add_argument("moving", metavar="MOVING", help="image to align")
    parser.add_argument("fixed", metavar="FIXED", help="image to align it to")
    add_output_folder(parser, required=True)
    parser.add_argument(
        "--model", default=MODEL, metavar="NAME", help="preset (default: %(default)s)"
    )
    add_refine(parser)
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="label map of the moving image, written as warped_labels.nii.gz",
    )
    parser.add_argument(
        "--points",
        metavar="FILE",
        help="landmarks of the fixed image: a CSV file, one point per row, in RAS mm "
        "or with a header that names the axes, such as l,p,s; or 3D Slicer's .fcsv or "
        ".mrk.json. Their positions in the moving image go to warped_points.csv",
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo register`."""
    output = new_folder(options.output)
    start_keras()
    from kregzoo import zoo
    from kregzoo.report.page import require_matplotlib
    from kregzoo.spatial import as_image, as_labels, read_points, write_points
    from kregzoo.utils.files import atomic_folder

    # Whatever may be wrong shows before the work, which takes longer, and its files.
    require_matplotlib()
    moving = as_image(options.moving, "MOVING")
    fixed = as_image(options.fixed, "FIXED")
    labels = points = None
    if options.labels:
        labels = as_labels(options.labels, "--labels")
    if options.points:
        # Between files of one slice, landmarks may be of 3-D space.
        slices = moving.grid.plane is not None and fixed.grid.plane is not None
        points = read_points(options.points, None if slices else fixed.grid.ndim)
    registrar = zoo.load(options.model)
    result = registrar.register(moving, fixed, refine=options.refine)
    with atomic_folder(output) as folder:
        result.save(folder)
        if labels is not None:
            warped = result.apply(labels, interpolation="nearest")
            warped.write(folder / "warped_labels.nii.gz")
        if points is not None:
            moved = result.apply_points(points)
            write_points(folder / "warped_points.csv", moved)
        names = sorted(path.name for path in folder.iterdir())
    for name in names:
        print(output / name)
