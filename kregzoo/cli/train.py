"""`kregzoo train`: train a system."""

from kregzoo.cli.options import positive, whole
from kregzoo.cli.running import new_folder, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo train`."""
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
        type=positive,
        metavar="N",
        help="optimiser steps, if not the recipe's",
    )
    parser.add_argument(
        "--seed", type=whole, default=0, metavar="N", help="(default: %(default)s)"
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
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo train`."""
    output = new_folder(options.out)
    start_keras()
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
