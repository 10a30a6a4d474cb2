"""`kregzoo evaluate`: measure presets and other tools on held-out cases."""

import pathlib

from kregzoo.cli.options import add_output_folder, positive, whole
from kregzoo.cli.running import new_folder, print_rich, silenced_warnings, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo evaluate`."""
    parser = commands.add_parser(
        "evaluate",
        help="measure presets and other tools on held-out pairs",
        description="Register the `eval` pairs of data folders, or the cases of "
        "another protocol, from the raw\nfiles, by presets and by other tools "
        '(pip install "kregzoo[bench]"). Writes to the output\nfolder RESULTS.md '
        "and, in results/, a table of every pair, method, label and metric (.csv),\n"
        "what was run (.json) and figures (.png).\nRun again, it continues where it "
        "stopped.",
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
        help="other methods to measure, separated by commas: iterative, ants, elastix "
        "or sitk, or single methods such as ants-syn",
    )
    parser.add_argument(
        "--refine",
        type=whole,
        default=50,
        metavar="N",
        help="also measure presets with N steps of refinement, if the protocol allows "
        "it; 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--pairs",
        type=positive,
        metavar="N",
        help="only the first N pairs of each folder (default: all)",
    )
    parser.add_argument(
        "--protocol",
        metavar="NAME",
        help="how to evaluate (default: pairs, or the first protocol that the presets "
        "declare): pairs, the `eval` pairs of the data; affines, held-out subjects "
        "under 30 (--pairs) random affines; deformations, held-out images under "
        "deformations found between them; poses, cone_beam, cone_beam_far or surfaces, "
        "36 rigid displacements of the `eval` pairs, of CT volumes and simulated "
        "cone-beam CT, near or far, or of CT volumes and body surfaces; or one that a "
        "system declares",
    )
    add_output_folder(parser, flags=("-o", "--out", "--output"), required=True)
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep results in the output folder that another commit measured, if the "
        "data, the versions of the methods and the machine are the same; RESULTS.md "
        "names the commit of each",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the metrics into the presets' metadata and cards",
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo evaluate`."""
    output = new_folder(options.output)
    if options.record and options.pairs and not options.protocol:
        raise ValueError(
            "`--record` needs the metrics of all pairs: leave out --pairs. "
            f"Received: --record with --pairs {options.pairs}"
        )
    folders = [pathlib.Path(data).resolve().name for data in options.data]
    if len(set(folders)) < len(folders):
        raise ValueError(
            "The data folders must have different names, because they name the tables. "
            f"Received: {', '.join(options.data)}"
        )
    start_keras()
    from rich.markdown import Markdown

    from kregzoo import evaluation, zoo

    measured = set()
    for data in options.data:
        protocol, presets = evaluation.select(data, options.presets, options.protocol)
        methods = evaluation.methods_of(
            protocol, presets, options.baselines, options.refine
        )
        # Labels judge the registrations.
        with silenced_warnings():
            table = evaluation.evaluate(
                methods,
                data,
                output / "results",
                _command(options, protocol),
                options.pairs,
                protocol,
                keep=options.keep,
            )
        evaluation.draw(table, output / "results")
        print_rich(Markdown(evaluation.summary(table)))
        measured |= set(presets)
    if options.record:
        tables = evaluation.read_tables(output)
        for name in sorted(measured):
            own = [t for t in tables if pathlib.Path(name).name in t.presets]
            metrics = evaluation.preset_metrics(own, pathlib.Path(name).name)
            zoo.record_metrics(name, metrics)
    print(evaluation.write_results(output))


def _command(options, protocol):
    """Return the command with the names of folders in place of their paths."""
    words = ["kregzoo evaluate", *(pathlib.Path(name).name for name in options.presets)]
    words += ["--data", *(pathlib.Path(data).resolve().name for data in options.data)]
    if options.baselines:
        words += ["--baselines", ",".join(options.baselines)]
    words += [f"--protocol {options.protocol}"] if options.protocol else []
    words += [f"--refine {options.refine}"] if protocol.refines else []
    words += [f"--pairs {options.pairs}"] if options.pairs else []
    return " ".join([*words, "--out OUT"])
