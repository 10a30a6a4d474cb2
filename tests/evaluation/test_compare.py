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
