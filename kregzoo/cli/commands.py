"""The command line: `kregzoo list`, `register`, `warp`, `train`, `evaluate`, ...

What is heavy is imported inside the commands, so that help comes at once. Bad input
ends with exit code 2 and one line on standard error, before anything is written.
"""

import argparse
import contextlib
import os
import pathlib
import sys

from kregzoo import __version__

MODEL = "voxelmorph_brain_t1"
TRUTHS = (
    "affines",
    "deformations",
    "poses",
    "cone_beam",
    "cone_beam_far",
    "surfaces",
)

EXAMPLES = """\
examples:
  kregzoo demo                                        see it work on a known deformation
  kregzoo list                                        what there is
  kregzoo register moving.nii.gz fixed.nii.gz -o out  align one image to another
  kregzoo warp labels.nii.gz out/transform.h5 --like fixed.nii.gz -o l.nii.gz --nearest
"""


class _Parser(argparse.ArgumentParser):
    """A parser that explains itself with examples and errs in one line."""

    def __init__(self, **options):
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: Words after `kregzoo`; those of the process if None.

    Returns:
        Exit code: 0, 1 when a comparison shows a loss, 2 for unusable input, 130 when
        interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.command(options) or 0
    # What a user gave and the machine refused; anything else is a bug and shows.
    except (ValueError, OSError, ImportError) as error:
        print(f"kregzoo: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser():
    parser = _Parser(
        prog="kregzoo",
        description="Medical image registration networks, with weights that work.",
        epilog=EXAMPLES,
    )
    version = f"kregzoo {__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (
        _add_list,
        _add_info,
        _add_register,
        _add_register_cohort,
        _add_warp,
        _add_train,
        _add_push,
        _add_evaluate,
        _add_compare,
        _add_benchmark,
        _add_portability,
        _add_demo,
        _add_app,
    ):
        add(commands)
    return parser


def _add_list(commands):
    parser = commands.add_parser(
        "list", help="list the presets", description="List the installed presets."
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(command=_list)


def _add_info(commands):
    parser = commands.add_parser(
        "info",
        help="show the card of a preset",
        description="Show what a preset was trained on and how well it works.",
        epilog=f"example:\n  kregzoo info {MODEL}",
    )
    parser.add_argument(
        "name", metavar="NAME", help="preset, as `kregzoo list` names it"
    )
    parser.set_defaults(command=_info)


def _add_register(commands):
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
    _add_output_folder(parser, required=True)
    parser.add_argument(
        "--model", default=MODEL, metavar="NAME", help="preset (default: %(default)s)"
    )
    _add_refine(parser)
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
    parser.set_defaults(command=_register)


def _add_register_cohort(commands):
    parser = commands.add_parser(
        "register-cohort",
        help="align many pairs, in several processes or on a cluster",
        description="Align the pairs of a table, in several processes of this machine "
        "or on the workers of a\nDask scheduler, on which kregzoo is installed and the "
        'files lie at the same paths\n(pip install "kregzoo[cohort]"). The table is a '
        "CSV file with the columns moving and fixed and,\nif wanted, subject, session, "
        "and labels of the moving image.\nWrites for each pair the warped image, the "
        "transform (ITK, fixed to moving) and metrics, under\nnames of BIDS "
        "derivatives. Run again, it goes on where it stopped. Exit code 1 if a pair\n"
        "failed; failures.csv then lists it.",
        epilog="examples:\n"
        "  kregzoo register-cohort pairs.csv -o out --workers 4\n"
        "  kregzoo register-cohort pairs.csv -o out --scheduler tcp://node1:8786",
    )
    parser.add_argument("pairs", metavar="PAIRS.csv", help="table of the pairs")
    _add_output_folder(parser, flags=("-o", "--out", "--output"), required=True)
    parser.add_argument(
        "--model", default=MODEL, metavar="NAME", help="preset (default: %(default)s)"
    )
    _add_refine(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="processes of this machine (default: one a core)",
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers to use"
    )
    parser.set_defaults(command=_register_cohort)


def _add_warp(commands):
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
    parser.set_defaults(command=_warp)


def _add_train(commands):
    parser = commands.add_parser(
        "train",
        help="train a system by its recipe",
        description="Train a system's network by its recipe, and write a preset folder "
        "that `register --model` takes.\nRun again, it goes on where it stopped.",
        epilog="example:\n  kregzoo train voxelmorph --data brains --out my_preset",
    )
    parser.add_argument("system", metavar="SYSTEM", help="such as voxelmorph")
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="folder with a dataset.json"
    )
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder of the preset"
    )
    parser.add_argument(
        "--scale",
        choices=("cpu", "published"),
        default="cpu",
        help="size of the training (default: %(default)s)",
    )
    parser.add_argument(
        "--steps",
        type=_positive,
        metavar="N",
        help="optimiser steps, if not the recipe's",
    )
    parser.add_argument(
        "--seed", type=_whole, default=0, metavar="N", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="data set whose recipe to use (default: that of the folder's name, or "
        "the system's first)",
    )
    parser.add_argument(
        "--initial",
        metavar="PRESET",
        help="preset or preset folder whose weights to start from, to fine-tune it "
        "(default: the recipe's, mostly none)",
    )
    parser.set_defaults(command=_train)


def _add_push(commands):
    parser = commands.add_parser(
        "push",
        help="upload a preset folder to the Hugging Face Hub",
        description="Upload a preset folder to the Hugging Face Hub, where others load "
        'it by its address\n(pip install "kregzoo[hub]"; log in by `hf auth login`).',
        epilog="example:\n  kregzoo push my_preset hf://my_name/my_preset",
    )
    parser.add_argument("folder", metavar="DIR", help="folder of the preset")
    parser.add_argument(
        "address", metavar="ADDRESS", help="hf://OWNER/NAME, made if there is none"
    )
    parser.set_defaults(command=_push)


def _add_evaluate(commands):
    parser = commands.add_parser(
        "evaluate",
        help="measure presets and other tools on held-out pairs",
        description="Register the `eval` pairs of data folders from the raw files, by "
        'presets and by other tools\n(pip install "kregzoo[bench]"). Writes to the '
        "output folder RESULTS.md and, in results/, a table\nof every pair, method and "
        "label (.csv), what was run (.json) and pictures (.png).\n"
        "Run again, it goes on where it stopped.",
        epilog="example:\n"
        "  kregzoo evaluate --data brain_t1 --baselines ants-syn,sitk --out measured",
    )
    parser.add_argument(
        "presets",
        nargs="*",
        metavar="PRESET",
        help="preset, or a preset folder (default: those trained on the data)",
    )
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        metavar="DIR",
        help="folders with a dataset.json",
    )
    parser.add_argument(
        "--baselines",
        type=lambda text: text.split(","),
        default=[],
        metavar="NAMES",
        help="what to measure beside, separated by commas: iterative, ants, elastix, "
        "sitk, or single ones, such as ants-syn",
    )
    parser.add_argument(
        "--refine",
        type=_whole,
        default=50,
        metavar="N",
        help="also measure presets refined by N steps, of `eval` pairs and "
        "deformations; 0 for not (default: %(default)s)",
    )
    parser.add_argument(
        "--pairs",
        type=_positive,
        metavar="N",
        help="only the first N pairs of each folder (default: all)",
    )
    parser.add_argument(
        "--truth",
        choices=TRUTHS,
        help="in place of the `eval` pairs make such whose transform is known: "
        "held-out persons under 30 (--pairs) random affines, for presets that find "
        "affines; held-out images under deformations found between them; or 36 pairs "
        "a random rigid motion apart, of the `eval` pairs (poses), of CT volumes and "
        "simulated cone-beam CT, near or far, or of CT volumes and body surfaces",
    )
    _add_output_folder(parser, flags=("-o", "--out", "--output"), required=True)
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the metrics into the presets' metadata and cards",
    )
    parser.set_defaults(command=_evaluate)


def _add_compare(commands):
    parser = commands.add_parser(
        "compare",
        help="compare two evaluations",
        description="Show by how much each method moved between two tables that "
        "`kregzoo evaluate` wrote, on the pairs\nthat both have, with the 95 % "
        "interval. Exit code 1 if one is worse: its whole interval lies beyond\nthe "
        "tolerance.",
        epilog="example:\n  kregzoo compare before/brain_t1.csv after/brain_t1.csv",
    )
    parser.add_argument("before", metavar="A.csv", help="table to compare with")
    parser.add_argument("after", metavar="B.csv", help="table to judge")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="X",
        help="what Dice may lose (default: %(default)s)",
    )
    parser.add_argument(
        "--tolerance-mm",
        type=float,
        default=0.0,
        metavar="X",
        help="what distances may gain, in mm (default: %(default)s)",
    )
    parser.set_defaults(command=_compare)


def _add_benchmark(commands):
    parser = commands.add_parser(
        "benchmark",
        help="measure speed and memory beside Keras, PyTorch and voxelmorph",
        description="Time warps, integration, networks, loading and import, in turns "
        "with Keras' own resampling,\nPyTorch's and voxelmorph's where they are "
        'installed (pip install "kregzoo[bench]").\nPrints medians and ratios with '
        "their spread, and the memory that a first call takes.",
        epilog="example:\n  kregzoo benchmark --only warp integration -o speed.json",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="some of the benchmarks, such as warp, integration, load (default: all)",
    )
    parser.add_argument(
        "--rounds",
        type=_positive,
        default=5,
        metavar="N",
        help="turns of each (default: %(default)s)",
    )
    parser.add_argument("--gpu", action="store_true", help="on the accelerator")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="JSON file for the measurements"
    )
    parser.set_defaults(command=_benchmark)


def _add_portability(commands):
    parser = commands.add_parser(
        "portability",
        help="compare backends and exported formats, and measure memory",
        description="Register one pair by each preset on every backend that is "
        "installed, export it to every\nformat, and register cubes of 1 mm voxels, to "
        "measure the memory they take\n"
        '(pip install "kregzoo[bench,export,jax,torch]" onnxruntime ai-edge-litert).',
        epilog="example:\n  kregzoo portability dirnet_cardiac_cine -o found.json",
    )
    parser.add_argument(
        "presets",
        nargs="*",
        metavar="PRESET",
        help="(default: all that register in one step)",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=_positive,
        metavar="N",
        help="voxels of the cubes along each axis (default: 128 192 256)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="JSON file for the measurements"
    )
    parser.set_defaults(command=_portability)


def _add_demo(commands):
    parser = commands.add_parser(
        "demo",
        help="register a brain whose deformation is known",
        description="Register a brain whose deformation is known, print how well it "
        "went, and write a report.",
        epilog="example:\n  kregzoo demo -o demo --refine 50",
    )
    _add_output_folder(parser, default="kregzoo_demo")
    parser.add_argument(
        "--model", default=MODEL, metavar="NAME", help="preset (default: %(default)s)"
    )
    _add_refine(parser)
    parser.add_argument(
        "--seed", type=_whole, default=0, metavar="N", help="(default: %(default)s)"
    )
    parser.set_defaults(command=_demo)


def _add_app(commands):
    parser = commands.add_parser(
        "app",
        help="register in the browser",
        description="Serve a page on which two images are dropped, registered and "
        'looked at, until Ctrl-C\n(pip install "kregzoo[app]"). Nothing that is '
        "uploaded or written outlives it.",
        epilog="example:\n  kregzoo app --port 8000",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on: of this machine alone (default: %(default)s), or "
        "0.0.0.0 for all that can reach it, without a password",
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
    parser.set_defaults(command=_app)


def _add_output_folder(parser, flags=("-o", "--output"), **options):
    text = "folder to write to" + (
        " (default: %(default)s)" if "default" in options else ""
    )
    parser.add_argument(*flags, dest="output", metavar="DIR", help=text, **options)


def _add_refine(parser):
    parser.add_argument(
        "--refine",
        type=_whole,
        default=0,
        metavar="N",
        help="steps of optimisation after the network's answer (default: %(default)s)",
    )


def _whole(text):
    number = int(text) if text.isdecimal() else -1
    if number < 0:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 0. Received: {text}"
        )
    return number


def _positive(text):
    number = _whole(text)
    if not number:
        raise argparse.ArgumentTypeError("must be at least 1. Received: 0")
    return number


def _port(text):
    number = _positive(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"must be at most 65535. Received: {text}")
    return number


def _list(options):
    _start_keras()
    import dataclasses
    import json

    from kregzoo import zoo

    records = zoo.list_models()
    if options.json:
        print(json.dumps([dataclasses.asdict(record) for record in records], indent=2))
    else:
        _print(zoo.table(records))


def _info(options):
    _start_keras()
    from rich.markdown import Markdown

    from kregzoo.presets.preset import find_preset

    card = find_preset(options.name).folder / "README.md"
    _print(Markdown(card.read_text(encoding="utf-8")))


def _register(options):
    output = _new_folder(options.output)
    _start_keras()
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


def _register_cohort(options):
    output = _new_folder(options.output)
    _start_keras()
    from kregzoo import cohort

    outcome = cohort.register_cohort(
        cohort.read_cohort(options.pairs),
        output,
        options.model,
        options.refine,
        options.scheduler,
        options.workers,
        announce=lambda text: print(text, file=sys.stderr),
    )
    print(outcome)
    if outcome.failures:
        print(output / cohort.FAILURES)
        return 1


def _warp(options):
    _start_keras()
    from kregzoo.spatial import as_image, read_transform

    image = as_image(options.image, "IMAGE", allow_labels=True)
    like = as_image(options.like, "--like", allow_labels=True)
    transform = read_transform(options.transform)
    interpolation = "nearest" if options.nearest else "linear"
    transform.apply(image, like.grid, interpolation).write(options.output)
    print(options.output)


def _train(options):
    output = _new_folder(options.out)
    _start_keras()
    from kregzoo import zoo

    preset = zoo.train(
        options.system,
        options.data,
        output,
        options.scale,
        options.steps,
        options.seed,
        options.recipe,
        options.initial,
    )
    print(preset.folder)


def _push(options):
    _start_keras()
    from kregzoo import zoo

    print(zoo.push(options.folder, options.address))


def _evaluate(options):
    output = _new_folder(options.output)
    if options.record and options.pairs and not options.truth:
        raise ValueError(
            "`--record` writes the metrics of all pairs. "
            f"Received: --record with --pairs {options.pairs}"
        )
    folders = [pathlib.Path(data).resolve().name for data in options.data]
    if len(set(folders)) < len(folders):
        raise ValueError(
            "Tables have the names of the data folders, which must differ. "
            f"Received: {', '.join(options.data)}"
        )
    _start_keras()
    from rich.markdown import Markdown

    from kregzoo import evaluation, zoo

    beside = evaluation.baselines([*evaluation.STARTS, *options.baselines])
    measured = set()
    for data in options.data:
        made = evaluation.TRUTHS.get(options.truth)
        suits = [made.suits] if made else []
        presets = options.presets or evaluation.presets_of(data, *suits)
        table = evaluation.evaluate(
            [*beside, *_preset_methods(presets, options)],
            data,
            output / "results",
            _evaluate_command(options),
            options.pairs,
            options.truth,
        )
        evaluation.draw(table, output / "results")
        _print(Markdown(evaluation.summary(table)))
        measured |= set(presets)
    if options.record:
        tables = evaluation.read_tables(output)
        for name in sorted(measured):
            own = [t for t in tables if pathlib.Path(name).name in t.presets]
            metrics = evaluation.preset_metrics(own, pathlib.Path(name).name)
            zoo.record_figures(name, metrics)
    print(evaluation.write_results(output))


def _preset_methods(presets, options):
    from kregzoo import evaluation

    if _sets_its_methods(options.truth):
        return evaluation.TRUTHS[options.truth].methods(presets)
    found = [evaluation.preset_methods(name, options.refine) for name in presets]
    return [method for methods in found for method in methods]


def _sets_its_methods(truth):
    from kregzoo import evaluation

    return truth is not None and evaluation.TRUTHS[truth].methods is not None


def _evaluate_command(options):
    """The command as another would give it: folders by their names alone."""
    words = ["kregzoo evaluate", *(pathlib.Path(name).name for name in options.presets)]
    words += ["--data", *(pathlib.Path(data).resolve().name for data in options.data)]
    if options.baselines:
        words += ["--baselines", ",".join(options.baselines)]
    words += [f"--truth {options.truth}"] if options.truth else []
    if not _sets_its_methods(options.truth):
        words += [f"--refine {options.refine}"]
    if options.pairs:
        words += [f"--pairs {options.pairs}"]
    return " ".join([*words, "--out OUT"])


def _compare(options):
    from kregzoo import evaluation

    changes = evaluation.compare(
        evaluation.read_rows(options.before),
        evaluation.read_rows(options.after),
        options.tolerance,
        options.tolerance_mm,
    )
    _print(evaluation.changes_table(changes))
    worse = sum(change.verdict == "worse" for change in changes)
    if worse:
        print(f"{worse} worse", file=sys.stderr)
        return 1
    return 0


def _benchmark(options):
    output = _new_file(options.output)
    _start_keras()
    from kregzoo.evaluation import benchmark

    results = benchmark.run_all(
        rounds=options.rounds,
        device="gpu" if options.gpu else "cpu",
        only=options.only,
    )
    _print(benchmark.table(results))
    if output:
        words = ["kregzoo benchmark", f"--rounds {options.rounds}"]
        words += ["--gpu"] * options.gpu
        words += ["--only", *options.only] if options.only else []
        benchmark.write_json(output, results, " ".join(words))


def _portability(options):
    output = _new_file(options.output)
    _start_keras()
    from rich.table import Table

    from kregzoo.evaluation import portability

    sizes = options.sizes or portability.SIZES
    rows = portability.measure(options.presets, sizes)
    for name, heads in portability.TABLES.items():
        table = Table(*heads)
        for row in rows[name]:
            table.add_row(*portability.texts(row))
        _print(table)
    if output:
        words = ["kregzoo portability", *options.presets]
        words += ["--sizes", *map(str, sizes)] if options.sizes else []
        portability.write_json(output, rows, " ".join(words))


def _demo(options):
    output = _new_folder(options.output)
    _start_keras()
    from kregzoo import demo

    demo.run(output, options.model, options.seed, options.refine)


def _app(options):
    _start_keras()
    from kregzoo import app

    app.serve(options.host, options.port, browser=not options.no_browser)


def _new_file(path):
    """The file, None for none, checked before the work that it is to hold."""
    if path and not pathlib.Path(path).absolute().parent.is_dir():
        raise ValueError(f"The output's folder must exist. Received: {path}")
    return path


def _new_folder(path):
    """The folder, checked but not made yet."""
    path = pathlib.Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"The output must be a folder. Received the file: {path}")
    return path


def _start_keras():
    """Imports Keras and wakes its backend, without the latter's chatter.

    TensorFlow writes to standard error while it is imported and finds no GPU, before
    any setting of its own could silence it; errors come as exceptions all the same.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _native_stderr_silenced():
        import keras

        keras.ops.zeros(1)


@contextlib.contextmanager
def _native_stderr_silenced():
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


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


def _print(renderable):
    from rich.console import Console

    Console().print(renderable)
