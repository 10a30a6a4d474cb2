import importlib.util
import pathlib
import shutil

from kregzoo.evaluation import write_results

ROOT = pathlib.Path(__file__).parents[1]


def test_the_readme_has_the_table_of_the_results():
    spec = importlib.util.spec_from_file_location(
        "readme_table", ROOT / "docs" / "readme_table.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert module.updated(text) == text
    for folder in (ROOT / "zoo_weights").glob("*/metadata.json"):
        assert f"`{folder.parent.name}`" in text


def test_the_results_are_generated_from_the_tables(tmp_path):
    shutil.copytree(ROOT / "results", tmp_path / "results")
    again = write_results(tmp_path).read_text(encoding="utf-8")
    assert again == (ROOT / "RESULTS.md").read_text(encoding="utf-8")
