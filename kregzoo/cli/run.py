"""`kregzoo run`: do the task of a preset."""

from kregzoo.cli.options import add_output_folder
from kregzoo.cli.running import new_folder, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo run`."""
    parser = commands.add_parser(
        "run",
        help="do the task of a preset",
        description="Do the task of a preset, and write the result to a folder. Use it "
        "for presets whose task\nis not to register a pair; for pairs, `kregzoo "
        "register` has more options.",
        epilog="example:\n  kregzoo run my_preset image_1.nii.gz image_2.nii.gz -o out",
    )
    parser.add_argument(
        "preset", metavar="PRESET", help="preset, or the path of a preset folder"
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="inputs of the task, in its order, such as MOVING FIXED",
    )
    add_output_folder(parser, required=True)
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo run`."""
    output = new_folder(options.output)
    start_keras()
    from kregzoo import zoo
    from kregzoo.presets.preset import find_preset
    from kregzoo.utils.files import atomic_folder

    task = zoo.find_system(find_preset(options.preset).config["system"]).task
    arguments = assign_inputs(task.inputs, options.inputs)
    network = zoo.load(options.preset)
    result = getattr(network, task.verb)(*arguments)
    with atomic_folder(output) as folder:
        result.save(folder)
        names = sorted(path.name for path in folder.iterdir())
    for name in names:
        print(output / name)


def assign_inputs(inputs, words):
    """Distribute the words of a command line over the inputs of a task.

    Args:
        inputs: sequence of `Input`, at most one of which takes many images.
        words: list of str.

    Returns:
        List of an argument for each input: a str, or a list of str for many images.

    Raises:
        ValueError: If there are too few words, or too many.
    """
    spare = len(words) - len(inputs)
    many = [n for n, one in enumerate(inputs) if one.many]
    if spare < 0 or (spare and not many):
        wanted = ", ".join(
            f"{one.name} ({one.help}{', one or more' if one.many else ''})"
            for one in inputs
        )
        raise ValueError(
            f"The preset takes these inputs: {wanted}. "
            f"Received {len(words)}: {', '.join(words)}"
        )
    if not many:
        return words
    first, end = many[0], many[0] + spare + 1
    return [*words[:first], words[first:end], *words[end:]]
