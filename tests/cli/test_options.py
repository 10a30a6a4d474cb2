import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kregzoo.cli.options import add_output_folder, add_refine, positive, whole


@given(st.integers(0, 10**12))
def test_whole_numbers_are_read(number):
    assert whole(str(number)) == number
    if number:
        assert positive(str(number)) == number


@given(st.integers(max_value=-1).map(str) | st.floats().map(str) | st.just(""))
def test_all_else_is_refused(text):
    for parse in (whole, positive):
        with pytest.raises(argparse.ArgumentTypeError, match="whole number from 0"):
            parse(text)


def test_zero_is_whole_and_not_positive():
    assert whole("0") == 0
    with pytest.raises(argparse.ArgumentTypeError, match="at least 1. Received: 0"):
        positive("0")


def test_options_say_their_defaults(capsys):
    parser = argparse.ArgumentParser()
    add_output_folder(parser, default="here")
    add_refine(parser)
    assert vars(parser.parse_args([])) == {"output": "here", "refine": 0}
    found = vars(parser.parse_args(["-o", "there", "--refine", "7"]))
    assert found == {"output": "there", "refine": 7}
    text = " ".join(parser.format_help().split())
    assert "(default: here)" in text and "(default: 0)" in text


def test_an_output_without_a_default_may_be_required():
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_output_folder(parser, ("--out",), required=True)
    assert "default" not in parser.format_help()
    assert parser.parse_args(["--out", "x"]).output == "x"
