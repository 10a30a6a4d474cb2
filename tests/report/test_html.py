"""The report as an HTML parser reads it."""

import base64
import html.parser
import re

import numpy as np
import pytest

from kregzoo.report import build_report, plot
from kregzoo.spatial import Image

PNG = b"\x89PNG\r\n\x1a\n"


class Reader(html.parser.HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def page():
    rng = np.random.default_rng(0)
    images = [Image.from_array(rng.uniform(size=(16, 18, 20))) for _ in range(3)]
    metrics = {"seconds": 1.23456, "folded_percent": 0, "dice": {"after": 0.5}}
    return build_report(*images, np.zeros((8, 9, 10, 3)), metrics, "a.nii <onto> b")


def test_everything_is_inside(page):
    sources = [a["src"] for tag, a in Reader(page).tags if "src" in a]
    assert len(sources) == 8
    for source in sources:
        kind, _, data = source.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(PNG)
    text = re.sub(r"data:image/png;base64,[^\"]*", "", page)
    assert not re.search(r"https?:|url\(|href|@import", text)


def test_title_and_metrics_are_shown_as_text(page):
    texts = Reader(page).texts
    assert texts.count("a.nii <onto> b") == 2
    for name, value in [
        ("seconds", "1.235"),
        ("folded percent", "0"),
        ("dice · after", "0.5"),
    ]:
        assert texts[texts.index(name) + 1] == value


def test_pictures_say_what_they_are(page):
    reader = Reader(page)
    assert all(a.get("alt") for tag, a in reader.tags if tag == "img")
    assert [tag for tag, _ in reader.tags].count("figcaption") == 5


@pytest.mark.parametrize(
    "spacing, words",
    [
        (1.0, "Fixed grid 16 × 16 voxels of 1 × 1 mm"),
        (None, "Fixed grid 16 × 16 pixels of unknown size: lengths are in pixels"),
    ],
)
def test_lengths_are_in_pixels_if_the_pixel_size_is_unknown(spacing, words):
    image = Image.from_array(np.eye(16), spacing=spacing)
    page = build_report(image, image, image, np.zeros((16, 16, 2)), {}, "Trial")
    assert f"<p>{words}</p>" in page
    figure = plot(image, image, image, np.zeros((16, 16, 2)), kind="grid")
    unit = "mm" if spacing else "pixel"
    assert unit in [axes.get_title(loc="left") for axes in figure.axes]
