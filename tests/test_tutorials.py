"""Every tutorial runs at a small size, and its notebook is up to date."""

import os
import pathlib
import subprocess
import sys

import jupytext
import pytest

TUTORIALS = sorted((pathlib.Path(__file__).parents[1] / "tutorials").glob("*.py"))
TINY = {"EPOCHS": "1", "STEPS": "2", "PERSONS": "8", "STARTS": "1", "SPACING": "6"}
tutorials = pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)


@tutorials
def test_a_tutorial_runs(path, tmp_path):
    tiny = {f"TUTORIAL_{name}": value for name, value in TINY.items()}
    # In a separate process, because the tutorials leave 2 GiB in memory.
    subprocess.run(
        [sys.executable, path], cwd=tmp_path, env=os.environ | tiny, check=True
    )


@tutorials
def test_the_notebook_is_the_tutorial_executed(path):
    script = jupytext.read(path).cells
    notebook = jupytext.read(path.with_suffix(".ipynb")).cells
    assert [(c.cell_type, c.source) for c in script] == [
        (c.cell_type, c.source) for c in notebook
    ]
    code = [cell for cell in notebook if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs and not any(o.output_type == "error" for o in outputs)
