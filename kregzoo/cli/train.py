"""`kregzoo train`: train a system."""

from kregzoo.cli.options import positive, whole
from kregzoo.cli.running import new_folder, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo train`."""
    parser = commands.add_parser(
        "train",
        help="train a system by its recipe",
        description="Train a system's network by its recipe, and write a preset folder "
        "for `register --model`.\nA second run resumes the first.",
        epilog="example:\n  kregzoo train voxelmorph --data brains --out my_preset",
    )
    parser.add_argument(
        "system", metavar="SYSTEM", help="name of the system, such as voxelmorph"
    )
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
        help="optimizer steps (default: the recipe's)",
    )
    parser.add_argument(
        "--seed",
        type=whole,
        default=0,
        metavar="N",
        help="random seed (default: %(default)s)",
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="recipe, named after a data set (default: the one named like the data "
        "folder, or the system's first)",
    )
    parser.add_argument(
        "--initial",
        metavar="PRESET",
        help="preset or preset folder to fine-tune (default: the recipe's, if it has "
        "one)",
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
