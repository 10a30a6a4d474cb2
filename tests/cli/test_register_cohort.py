import pytest

from kregzoo import cli, cohort


@pytest.fixture
def asked(monkeypatch):
    """What the cohort is asked for, of which one pair of two fails."""
    calls = []

    def register_cohort(pairs, *arguments, announce):
        calls.append((pairs, *arguments))
        announce("a dashboard")
        return cohort.CohortSummary(1, 0, {"sub-2": "no overlap"}, 1, 3.0)

    monkeypatch.setattr(cohort, "read_cohort", lambda path: [path])
    monkeypatch.setattr(cohort, "register_cohort", register_cohort)
    return calls


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ("--scheduler tcp://node1:8786", ("tcp://node1:8786", None)),
        ("--workers 4", (None, 4)),
        ("", (None, None)),
    ],
)
def test_the_cohort_is_registered_where_it_was_asked(asked, tmp_path, words, where):
    command = (
        f"register-cohort p.csv -o {tmp_path} --model m --passes 2 --refine 5 {words}"
    )
    assert cli.main(command.split()) == 1
    assert asked == [(["p.csv"], tmp_path, "m", 2, 5, *where)]


def test_failures_and_news_are_told_apart(asked, tmp_path, capsys):
    assert cli.main(["register-cohort", "p.csv", "-o", str(tmp_path)]) == 1
    streams = capsys.readouterr()
    outcome, failures = streams.out.splitlines()
    assert outcome.startswith("1 registered (1 with warnings) in")
    assert outcome.endswith("1 failed")
    assert failures == str(tmp_path / "failures.csv")
    assert streams.err == "a dashboard\n"


def test_workers_are_of_this_machine_or_of_a_scheduler(asked, capsys):
    words = "register-cohort p.csv -o out --workers 4 --scheduler tcp://a:1"
    with pytest.raises(SystemExit) as stop:
        cli.main(words.split())
    assert stop.value.code == 2 and not asked
    assert "not allowed with" in capsys.readouterr().err
