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
    assert means.endswith("| 0.0500 | 0.0100 | 0.200 | 4.00 |")


def test_headings_say_what_the_intervals_are_over(tmp_path):
    old = evaluation.summary(write_table(tmp_path / "old"))
    assert "| Dice, mean [95 % over pairs] |" in old and "persons" not in old
    persons = {f"p{pair}": [f"person {pair % 5}"] for pair in range(8)}
    new = evaluation.summary(write_table(tmp_path / "new", persons=persons))
    assert "| Dice, mean [95 % over persons] |" in new
    assert "column minus row, paired, mean [95 % over persons]" in new
    assert "over pairs" not in new


def test_means_of_one_person_have_no_interval(tmp_path):
    persons = {f"p{pair}": ["the same"] for pair in range(8)}
    text = evaluation.summary(write_table(tmp_path / "one", persons=persons))
    assert "| ants-syn | 8 | 0.6000 | 2.00 |" in text
    assert "| ants-syn | 0.0500 | 0.1000 |" in text
