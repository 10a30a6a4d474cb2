"""`kregzoo evaluate`: measure presets and other tools on held-out pairs."""

import pathlib

from kregzoo.cli.options import add_output_folder, positive, whole
from kregzoo.cli.running import new_folder, print_rich, start_keras

TRUTHS = (
    "affines",
    "deformations",
    "poses",
    "cone_beam",
    "cone_beam_far",
    "surfaces",
)


def add_parser(commands):
    """Add the parser of `kregzoo evaluate`."""
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
        type=whole,
        default=50,
        metavar="N",
        help="also measure presets refined by N steps, of `eval` pairs and "
        "deformations; 0 for not (default: %(default)s)",
    )
    parser.add_argument(
        "--pairs",
        type=positive,
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
    add_output_folder(parser, flags=("-o", "--out", "--output"), required=True)
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the metrics into the presets' metadata and cards",
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo evaluate`."""
    output = new_folder(options.output)
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
    start_keras()
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
        print_rich(Markdown(evaluation.summary(table)))
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
