import pytest

from kregzoo import evaluation
from kregzoo.evaluation.preset_table import preset_table
from kregzoo.evaluation.results import BEGIN, END
from kregzoo.utils.provenance import write_record
from tests.evaluation.measured import PRESET, write_table


@pytest.mark.parametrize("tre", [False, True])
def test_results_have_every_part(tmp_path, tre):
    table = write_table(tmp_path / "results", tre)
    paths = evaluation.draw(table, tmp_path / "results")
    assert len(paths) == 4 + tre
    assert all(path.stat().st_size > 5000 for path in paths)
    text = evaluation.write_results(tmp_path).read_text(encoding="utf-8")
    cut = text.partition(BEGIN)[2].partition(END)[0]
    assert cut.strip() == preset_table([table]).strip()
    assert f"`{PRESET}`" in cut and ("TRE in mm" in cut) == tre
    assert "License: l. 8 pairs.\n" in text
    for part in ("the command", "the commit", "the date", "the machine", "## blobs"):
        assert part in text
    assert all(f"(results/{path.name})" in text for path in paths)


def test_results_have_the_measured_speed(tmp_path):
    ours = {"name": "kregzoo", "version": None, "seconds": [1.0], "median": 1.0}
    theirs = {**ours, "name": "theirs", "version": "1.2", "memory_mib": 7.0}
    theirs["ratio"] = {"median": 4.0, "min": 3.5, "max": 5.25}
    absent = {"name": "absent", "missing": "not installed"}
    implementations = [ours, theirs, absent]
    found = [{"name": "warp", "size": [8, 9], "implementations": implementations}]
    (tmp_path / "results").mkdir()
    write_record(
        tmp_path / "results" / "benchmark.json", "the command", benchmarks=found
    )
    text = evaluation.write_results(tmp_path).read_text(encoding="utf-8")
    assert "| warp 8×9 | kregzoo | 1 |  |  |  |\n" in text
    assert "|  | theirs 1.2 | 1 | 4.00 (3.50-5.25) | 7 |  |\n" in text
    assert "|  | absent | not installed |  |  |  |\n" in text
    assert "    the command\n" in text
    # The others were not run.
    assert text.count("Not measured. To measure, run `kregzoo") == 2
    assert "## Speed on a GPU\n\nNot measured. To measure, run `kregzoo" in text
