"""`kregzoo register`: align an image with another."""

from kregzoo.cli.options import add_output_folder, add_passes, add_refine
from kregzoo.cli.running import new_folder, print_rich, silenced_warnings, start_keras

# Repeated here because importing `kregzoo.registrars` would delay the help.
METHODS = ("rigid", "affine", "bspline", "deformable")
METRICS = ("mi", "nmi", "ncc", "lncc", "ngf", "mind")


def add_parser(commands):
    """Add the parser of `kregzoo register`."""
    parser = commands.add_parser(
        "register",
        help="align a moving image to a fixed one",
        description="Align a moving image to a fixed one, of any spacing and "
        "orientation, by a preset or, with --method,\nby iterative optimization "
        "without a network.\n"
        "Writes warped.nii.gz, transform.h5 (ITK, fixed to moving), metrics.json and "
        "report.html.\nWarns if the result cannot be trusted.",
        epilog="examples:\n"
        "  kregzoo register moving.nii.gz fixed.nii.gz -o out\n"
        "  kregzoo register moving.nii.gz fixed.nii.gz -o out --refine 50\n"
        "  kregzoo register t2.nii.gz t1.nii.gz -o out --method rigid --metric mi\n"
        "  kregzoo register moving.nii.gz fixed.nii.gz -o out "
        "--labels moving_labels.nii.gz",
    )
    parser.add_argument("moving", metavar="MOVING", help="image to align")
    parser.add_argument("fixed", metavar="FIXED", help="image to align it to")
    add_output_folder(parser, required=True)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--model",
        metavar="NAME",
        default="auto",
        help="preset, or auto: the best preset that was trained on such images, or "
        "none (default: %(default)s)",
    )
    kinds.add_argument(
        "--method",
        choices=METHODS,
        help="register without a network: affine starts with rigid, bspline and "
        "deformable with rigid and affine",
    )
    parser.add_argument(
        "--metric",
        choices=METRICS,
        help="what --method optimizes: mi or nmi for different contrasts or "
        "modalities, ncc or lncc for one contrast, ngf or mind for shared edges "
        "(default: mi)",
    )
    add_passes(parser)
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
    _check_combination(options)
    start_keras()
    from kregzoo.spatial import as_image, as_labels, read_points, write_points
    from kregzoo.utils.files import atomic_folder

    # Read all files first: registration takes long, and nothing is written if it fails.
    moving = as_image(options.moving, "MOVING")
    fixed = as_image(options.fixed, "FIXED")
    labels = points = None
    if options.labels:
        labels = as_labels(options.labels, "--labels")
    if options.points:
        # Landmarks of images of one slice may be 2-D or 3-D.
        slices = moving.grid.plane is not None and fixed.grid.plane is not None
        points = read_points(options.points, None if slices else fixed.grid.ndim)
    with silenced_warnings():
        result, reason = _register(moving, fixed, options)
    with atomic_folder(output) as folder:
        result.save(folder)
        if labels is not None:
            warped = result.apply(labels, interpolation="nearest")
            warped.write(folder / "warped_labels.nii.gz")
        if points is not None:
            moved = result.apply_points(points)
            write_points(folder / "warped_points.csv", moved)
        names = sorted(path.name for path in folder.iterdir())
    seconds = result.metrics["seconds"]["total"]
    pair = f"{moving.name} registered to {fixed.name}"
    print(f"{pair} by {options.method or options.model} in {seconds:.1f} s")
    if reason:
        print(reason)
    if fixed.unit == "pixel":
        print("The pixel size of the fixed image is unknown: lengths are in pixels.")
    print_rich(_table(result.metrics))
    for message in result.warnings:
        print_rich(f"[bold yellow]warning:[/] {message}")
    for name in names:
        print(output / name)


def _check_combination(options):
    if options.metric and not options.method:
        raise ValueError(
            "`--metric` is for registration without a network: add --method. "
            f"Received: --metric {options.metric}"
        )
    for name in ("passes", "refine"):
        value = getattr(options, name)
        if value and options.method:
            raise ValueError(
                f"`--{name}` needs a preset: leave it out, or replace --method by "
                f"--model. Received: --{name} {value} with --method {options.method}"
            )


def _register(moving, fixed, options):
    """Register, and return the result and the reason of the choice of a preset."""
    if options.method:
        from kregzoo.registrars import register

        return register(moving, fixed, options.method, options.metric or "mi"), None
    from kregzoo import zoo

    registrar = zoo.load(options.model, task="register")
    result = registrar.register(
        moving, fixed, passes=options.passes, refine=options.refine
    )
    chosen = options.model == zoo.AUTO
    return result, registrar.choice.reason if chosen else None


def _table(metrics):
    """Make a table of the metrics before and after the registration."""
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("metric")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right")
    for name, value in metrics.items():
        if name not in ("seconds", "warnings") and not name.endswith("_before"):
            before = metrics.get(f"{name}_before", "")
            table.add_row(name.replace("_", " "), _format(before), _format(value))
    return table


def _format(value):
    return value if isinstance(value, str) else f"{value:.4g}"
