import pytest

from kregzoo.utils.progress import progress_bar


@pytest.mark.parametrize("shown", [True, False])
def test_a_bar_writes_nothing_that_could_be_piped(capsys, shown):
    with progress_bar(3, shown, "Working") as advance:
        for _ in range(3):
            advance()
    assert capsys.readouterr().out == ""
