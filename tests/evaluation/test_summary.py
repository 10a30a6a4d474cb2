from kregzoo import evaluation
from tests.evaluation.measured import write_table


def test_summary_gives_means_intervals_and_paired_differences(tmp_path):
    lines = evaluation.summary(write_table(tmp_path / "results")).splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in lines}
    # The later table, that of the differences, replaces the first for each method.
    assert cells["ants-syn"][1:] == [
        "0.0500 [0.0500, 0.0500]",
        "0.1000 [0.1000, 0.1000] |",
    ]
    (means,) = [line for line in lines if line.startswith("| ants-syn | 8")]
    assert means.split(" | ")[2].startswith("0.6000 [0.59")
    # The median ignores one pair that includes a compilation.
    assert means.endswith("| 0.0100 | 0.200 | 4.0 |")
