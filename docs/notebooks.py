"""Execute tutorials to notebooks: `python docs/notebooks.py [NAME ...]`."""

import pathlib
import re
import sys

import jupytext
from nbconvert.preprocessors import CoalesceStreamsPreprocessor, ExecutePreprocessor

from kregzoo.utils.files import atomic

FOLDER = pathlib.Path(__file__).parents[1] / "tutorials"


def main(names):
    """Execute the tutorials of these names, or all if there are none."""
    for name in names or sorted(path.stem for path in FOLDER.glob("*.py")):
        notebook = jupytext.read(FOLDER / f"{name}.py")
        place = {"metadata": {"path": str(FOLDER)}}
        execute = ExecutePreprocessor(kernel_name="python3", record_timing=False)
        execute.preprocess(notebook, place)
        tidy(notebook)
        with atomic(FOLDER / f"{name}.ipynb") as temporary:
            jupytext.write(notebook, temporary)


def tidy(notebook):
    """Remove log messages and merge the printed outputs."""
    CoalesceStreamsPreprocessor().preprocess(notebook, {})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in map(unlogged, cell.outputs) if o]


def unlogged(output):
    """Remove log messages from an output; return None if nothing remains."""
    if output.output_type != "stream":
        return output
    output.text = re.sub("^(INFO|WARNING):.*\n", "", output.text, flags=re.M)
    return output if output.name == "stdout" and output.text.strip() else None


if __name__ == "__main__":
    main(sys.argv[1:])
