import io

import numpy as np
import pytest
from rich.console import Console

from kregzoo.evaluation import changes_table, compare


def rows(method, dice, tre=None):
    return [
        {"pair": str(n), "method": method, "label": 1, "metric": m, "value": value}
        for n, overlap in enumerate(dice)
        for m, value in (("dice", overlap), ("tre", tre))
        if value is not None
    ]


RNG = np.random.default_rng(0)
BEFORE = RNG.uniform(0.5, 0.7, 12)


@pytest.mark.parametrize(
    "change, tolerance, verdict",
    [(-0.02, 0.0, "worse"), (-0.02, 0.05, "same"), (0.02, 0.0, "better")],
)
def test_a_change_beyond_its_interval_has_a_verdict(change, tolerance, verdict):
    after = BEFORE + change + RNG.normal(0, 0.005, 12)
    (found,) = compare(rows("m", BEFORE), rows("m", after), tolerance)
    assert (found.method, found.metric, found.verdict) == ("m", "dice", verdict)
    assert found.difference.mean == pytest.approx(change, abs=0.006)


def test_noise_is_no_change():
    noise = RNG.normal(0, 0.02, 12)
    (found,) = compare(rows("m", BEFORE), rows("m", BEFORE + noise - noise.mean()))
    assert found.verdict == "same"


def test_persons_widen_the_interval_of_a_change():
    # Two of twelve persons gain, with ten pairs each; the pairs alone look certain.
    gains = np.where(np.arange(120) < 20, 0.3, -0.01)
    gains += RNG.normal(0, 0.01, 120)
    before, after = rows("m", np.full(120, 0.5)), rows("m", 0.5 + gains)
    persons = {str(n): [f"person {n // 10}"] for n in range(120)}
    assert compare(before, after)[0].verdict == "better"
    (found,) = compare(before, after, persons=persons)
    assert found.verdict == "same" and found.difference.persons == 12


def test_pairs_decide_if_there_is_one_person():
    persons = {str(n): ["me"] for n in range(12)}
    for change, verdict in ((-0.02, "worse"), (0.02, "better"), (0.0, "same")):
        after = rows("m", BEFORE + change)
        (found,) = compare(rows("m", BEFORE), after, 0.01, persons=persons)
        assert found.verdict == verdict
        assert found.difference.low is None


@pytest.mark.parametrize(
    ("changes", "verdict"), [((-0.3, 0.0), "same"), ((-0.3, -0.02), "worse")]
)
def test_all_of_two_pairs_must_change(changes, verdict):
    before = BEFORE[:2]
    (found,) = compare(rows("m", before), rows("m", before + changes), 0.01)
    assert found.verdict == verdict


def test_more_error_is_worse():
    changes = compare(rows("m", BEFORE, 2.0), rows("m", BEFORE, 3.0))
    assert {c.metric: c.verdict for c in changes} == {"dice": "same", "tre": "worse"}
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(changes_table(changes))
    assert "1.0000 [1.0000, 1.0000]" in console.export_text()


def test_overlaps_and_distances_have_separate_tolerances():
    before, after = rows("m", BEFORE, 2.0), rows("m", BEFORE - 0.1, 2.1)
    for tolerances, verdicts in (
        ((0.2, 0.0), ("same", "worse")),
        ((0.0, 0.2), ("worse", "same")),
    ):
        changes = compare(before, after, *tolerances)
        assert tuple(change.verdict for change in changes) == verdicts


def test_a_method_that_now_fails_is_worse():
    after = [
        *rows("other", BEFORE),
        {
            "pair": "0",
            "method": "m",
            "label": None,
            "metric": "error",
            "value": "RuntimeError: no",
        },
    ]
    changes = compare([*rows("m", BEFORE), *rows("other", BEFORE)], after)
    assert {(c.method, c.metric): c.verdict for c in changes} == {
        ("m", "failed"): "worse",
        ("other", "dice"): "same",
    }


def test_tables_without_anything_in_common_are_refused():
    with pytest.raises(ValueError, match=r"methods \['m'\] and \['n'\]"):
        compare(rows("m", BEFORE), rows("n", BEFORE))
