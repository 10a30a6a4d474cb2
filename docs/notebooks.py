"""Executes tutorials to notebooks: `python docs/notebooks.py [NAME ...]`, or all."""

import pathlib
import sys

import jupytext
from nbconvert.preprocessors import CoalesceStreamsPreprocessor, ExecutePreprocessor

from kregzoo.spatial.files import atomic

FOLDER = pathlib.Path(__file__).parents[1] / "tutorials"


def main(names):
    """Executes the tutorials of these names, or all of them."""
    for name in names or sorted(path.stem for path in FOLDER.glob("*.py")):
        notebook = jupytext.read(FOLDER / f"{name}.py")
        place = {"metadata": {"path": str(FOLDER)}}
        ExecutePreprocessor(kernel_name="python3").preprocess(notebook, place)
        tidy(notebook)
        with atomic(FOLDER / f"{name}.ipynb") as temporary:
            jupytext.write(notebook, temporary)


def tidy(notebook):
    """Leaves out what libraries say of the machine, and joins what was printed."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not _of_a_library(o)]
    CoalesceStreamsPreprocessor().preprocess(notebook, {})


def _of_a_library(output):
    return output.get("name") == "stderr" or output.get("text", "").startswith("WARN")


if __name__ == "__main__":
    main(sys.argv[1:])
