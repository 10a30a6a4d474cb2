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
        help="CSV of landmarks in RAS mm of the fixed image, a row each; where they "
        "lie in the moving image is written as warped_points.csv",
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo register`."""
    output = new_folder(options.output)
    start_keras()
    from kregzoo import zoo
    from kregzoo.report.page import require_matplotlib
    from kregzoo.spatial import as_image, as_labels
    from kregzoo.utils.files import atomic_folder

    # Whatever may be wrong shows before the work, which takes longer, and its files.
    require_matplotlib()
    moving = as_image(options.moving, "MOVING")
    fixed = as_image(options.fixed, "FIXED")
    labels = points = None
    if options.labels:
        labels = as_labels(options.labels, "--labels")
    if options.points:
        points = _read_points(options.points, fixed.grid.ndim)
    registrar = zoo.load(options.model)
    result = registrar.register(moving, fixed, refine=options.refine)
    with atomic_folder(output) as folder:
        result.save(folder)
        if labels is not None:
            warped = result.apply(labels, interpolation="nearest")
            warped.write(folder / "warped_labels.nii.gz")
        if points is not None:
            moved = result.apply_points(points)
            _write_points(folder / "warped_points.csv", moved)
        names = sorted(path.name for path in folder.iterdir())
    for name in names:
        print(output / name)


def _read_points(path, ndim):
    """Landmarks `(N, D)` of a CSV file, whose first row may name the columns."""
    import csv

    import numpy as np

    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows and not _numbers(rows[0]):
        rows = rows[1:]
    points = [_numbers(row) for row in rows]
    if not points or any(len(point) != ndim for point in points):
        raise ValueError(
            f"--points must hold {ndim} numbers a row, separated by commas: RAS mm of "
            f"the fixed image. Received: {path}"
        )
    return np.array(points)


def _numbers(row):
    try:
        return [float(word) for word in row]
    except ValueError:
        return []


def _write_points(path, points):
    import csv

    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow("xyz"[: points.shape[1]])
        writer.writerows([f"{value:.6f}" for value in point] for point in points)
