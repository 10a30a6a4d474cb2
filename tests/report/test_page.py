"""The layout of pages, measured on the figures."""

import io

import matplotlib.colors
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import image as mpl_image

from kregzoo.report import page

sizes = st.lists(st.floats(20.0, 400.0), min_size=1, max_size=4)


def box(axes):
    """Left, bottom, right and top of axes in inches."""
    return axes.get_position().extents * np.tile(axes.figure.get_size_inches(), 2)


@settings(deadline=None, max_examples=20)
@given(sizes, sizes, st.booleans(), st.booleans())
def test_panels_fill_their_cells_and_the_page_its_limits(widths, heights, titled, bar):
    made = page.Page(widths, heights, titled, bar)
    panels = [
        [
            made.panel(row, column, (width, height))
            for column, width in enumerate(widths)
        ]
        for row, height in enumerate(heights)
    ]
    size = made.figure.get_size_inches()
    limits = np.array([page.MAX_WIDTH, page.MAX_HEIGHT])
    assert (size <= limits + 1e-6).all() and np.isclose(size, limits).any()
    boxes = np.array([[box(axes) for axes in row] for row in panels])
    # One scale for all of them, and neighbors a gap apart.
    scales = (boxes[..., 2:] - boxes[..., :2]) / np.array(
        [[(width, height) for width in widths] for height in heights]
    )
    np.testing.assert_allclose(scales, scales[0, 0, 0])
    across = boxes[:, 1:, 0] - boxes[:, :-1, 2]
    down = boxes[:-1, :, 1] - boxes[1:, :, 3]
    np.testing.assert_allclose(across, page.GAP, atol=1e-6)
    np.testing.assert_allclose(down, page.GAP, atol=1e-6)
    assert boxes.min() >= page.MARGIN - 1e-6


def test_a_smaller_panel_is_centered_in_its_cell():
    made = page.Page([100.0], [80.0])
    whole, small = (made.panel(0, 0, extent) for extent in ((100, 80), (50, 20)))
    centers = [box(axes).reshape(2, 2).mean(axis=0) for axes in (whole, small)]
    np.testing.assert_allclose(*centers)
    assert small.get_xlim() == (0, 50) and small.get_ylim() == (0, 20)


def test_pictures_have_their_first_row_at_the_bottom():
    made = page.Page([40.0], [40.0], titled=False)
    axes = made.panel(0, 0, (40.0, 40.0))
    picture = np.zeros((2, 2))
    picture[0, 1] = 1.0
    page.show(axes, picture, cmap="gray", interpolation="nearest")
    pixels = mpl_image.imread(io.BytesIO(page.png(made.figure)))
    height, width = pixels.shape[:2]
    size = made.figure.get_size_inches()[::-1] * page.DPI
    np.testing.assert_allclose((height, width), size, atol=1)
    # Rows of the file begin at the top.
    quarter = slice(height * 5 // 8, height * 7 // 8)
    assert pixels[quarter, width * 5 // 8 : width * 7 // 8, :3].min() == 1.0
    assert pixels[quarter, width // 8 : width * 3 // 8, :3].max() == 0.0
    corner = matplotlib.colors.to_hex(pixels[0, 0])
    assert corner == page.BACKGROUND


def test_titles_and_bars_lie_outside_the_panels():
    made = page.Page([40.0, 60.0], [50.0], bar=True)
    panels = [
        made.panel(0, column, (width, 50.0)) for column, width in enumerate((40, 60))
    ]
    made.title(1, "after")
    drawn = page.show(panels[0], np.eye(3))
    made.bar(drawn, "mm", {0.0: "none", 1.0: "most"})
    bar = made.figure.axes[-1]
    assert box(bar)[0] > box(panels[1])[2]
    assert [text.get_text() for text in bar.get_yticklabels()] == ["none", "most"]
    (title,) = made.figure.texts
    x, y = title.get_position() * made.figure.get_size_inches()
    left, _, right, top = box(panels[1])
    assert x == pytest.approx((left + right) / 2) and y > top


def test_letters_stand_at_the_sides_that_they_name():
    axes = page.Page([40.0], [40.0]).panel(0, 0, (40.0, 40.0))
    page.letters(axes, "RLPA")
    found = {text.get_text(): text.get_position() for text in axes.texts}
    right, left, posterior, anterior = (np.array(found[name]) for name in "RLPA")
    assert right[0] < 0.1 and left[0] > 0.9 and posterior[1] < 0.1 and anterior[1] > 0.9
