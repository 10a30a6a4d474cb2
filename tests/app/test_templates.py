"""Whether the page's HTML, CSS and JavaScript know each other's names."""

import html.parser
import pathlib
import re
import string

import pytest

from kregzoo.app import templates, views

PAGE = pathlib.Path(views.__file__).with_name("page.py").read_text(encoding="utf-8")
VOID = {"input", "img"}


class Balance(html.parser.HTMLParser):
    """Holds every closing tag to the last open one."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["HEADER", "WELCOME", "HEADING", "CARDS"])
def test_tags_are_closed(name):
    text = getattr(templates, name)
    assert not Balance(text).open


def test_cards_show_all_that_is_told_of_a_preset():
    fields = set(re.findall(r"{{(?:#if )?(\w+)}}", templates.CARDS))
    assert fields == set(views.cards()[0])


def test_a_heading_is_of_two_images_and_a_preset():
    fields = [name for _, name, *_ in string.Formatter().parse(templates.HEADING)]
    assert len([name for name in fields if name is not None]) == 3


def test_styles_are_of_elements_that_the_page_has():
    assert templates.CSS.count("{") == templates.CSS.count("}")
    # Those that begin with a letter and are no color.
    names = set(re.findall(r"#([a-z]+)\b[^;{]*{", templates.CSS))
    assert names == {"status", "presets", "view", "metrics"}
    for name in names:
        assert f'elem_id="{name}"' in PAGE


def test_the_opacity_is_that_of_the_warped_image():
    (variable,) = re.findall(r"setProperty\('(--\w+)'", templates.OPACITY)
    assert f"opacity: var({variable}" in templates.CSS
