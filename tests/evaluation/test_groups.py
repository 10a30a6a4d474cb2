from kregzoo.evaluation import Table, estimate
from kregzoo.evaluation.groups import HARDEST, group_table, groups_of, size_of
from kregzoo.metrics import METRICS
from tests.evaluation.measured import PAIRS, PRESET, write_table

DICE = METRICS["dice"]
NAMES = [f"p{number}" for number in range(PAIRS)]
# Two groups of two persons, each person with two pairs.
PERSONS = {name: [f"person {number // 2}"] for number, name in enumerate(NAMES)}
GROUPS = {name: "young" if number < 4 else "old" for number, name in enumerate(NAMES)}


def cells(text):
    lines = [line.strip("| ").split(" | ") for line in text.splitlines()]
    return {line[0]: line[1:] for line in lines}


def test_the_hardest_quarter_is_the_worst_at_the_start(tmp_path):
    table = write_table(tmp_path / "results", tre=True)
    for name, worst in (("dice", min), ("tre", max)):
        start = table.values(name)["centers"]
        (found,) = groups_of(table, METRICS[name]).values()
        assert len(found) == 2 and worst(start, key=start.get) == found[0]
    # Without a start there is nothing to rank by.
    rows = [row for row in table.rows if row["method"] not in ("centers", "identity")]
    table = Table(table.name, rows, table.record)
    assert groups_of(table, DICE) == {} and group_table(table, DICE) == ""


def test_the_groups_of_the_data_are_measured_by_every_method(tmp_path):
    table = write_table(tmp_path / "results", persons=PERSONS, groups=GROUPS)
    found = groups_of(table, DICE)
    assert found["old"] == NAMES[4:] and found["young"] == NAMES[:4]
    assert list(found) == ["old", "young", HARDEST]
    text = group_table(table, DICE)
    heading = "Dice by group, mean [95 % over persons]"
    assert cells(text)[heading][:2] == [
        "old: 4 pairs of 2 persons",
        "young: 4 pairs of 2 persons",
    ]
    values = table.values("dice")[PRESET]
    old = estimate({pair: values[pair] for pair in NAMES[4:]}, PERSONS)
    assert cells(text)[PRESET][0] == DICE.text([old.mean, old.low, old.high])


def test_a_method_that_failed_on_pairs_of_a_group_says_so(tmp_path):
    table = write_table(tmp_path / "results", groups=GROUPS)
    rows = [r for r in table.rows if (r["method"], r["pair"]) != ("ants-syn", "p4")]
    text = group_table(Table(table.name, rows, table.record), DICE)
    assert cells(text)["ants-syn"][0].endswith(" (3 pairs)")
    assert "pairs" not in cells(text)["ants-syn"][1]


def test_one_group_is_no_group(tmp_path):
    table = write_table(tmp_path / "results", groups=dict.fromkeys(NAMES, "all"))
    assert list(groups_of(table, DICE)) == [HARDEST]


def test_sizes_count_persons_if_they_are_known(tmp_path):
    table = write_table(tmp_path / "results", persons=PERSONS)
    assert size_of(table, NAMES[:4]) == "4 pairs of 2 persons"
    assert size_of(table, ["p0"]) == "1 pair of 1 person"
    assert size_of(write_table(tmp_path / "old"), NAMES) == "8 pairs"
