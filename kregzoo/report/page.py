"""Layout of figures: panels of given sizes in mm on a dark page."""

import functools
import io

import numpy as np

BACKGROUND, INK, FAINT = "#0b0e14", "#d7dde6", "#8a94a3"
DPI, MAX_WIDTH, MAX_HEIGHT = 100, 10.0, 7.0
MARGIN, GAP, TITLE, BAR = 0.1, 0.06, 0.3, 0.75  # inches


def load_matplotlib():
    """Import matplotlib with the modules that figures use.

    Only drawing needs matplotlib, and importing it takes long.

    Returns:
        The module.
    """
    import matplotlib
    import matplotlib.collections
    import matplotlib.colors
    import matplotlib.figure

    return matplotlib


class Page:
    """Figure with a table of panels of the same scale in mm.

    Args:
        widths: width of each column in mm.
        heights: height of each row in mm.
        titled: bool. Leave room for titles at the top.
        bar: bool. Leave room for a color bar at the right.
    """

    def __init__(self, widths, heights, titled=True, bar=False):
        top = TITLE if titled else MARGIN
        right = BAR if bar else MARGIN
        room = np.array([MAX_WIDTH - MARGIN - right, MAX_HEIGHT - top - MARGIN])
        gaps = GAP * np.array([len(widths) - 1, len(heights) - 1])
        inch = np.min((room - gaps) / [np.sum(widths), np.sum(heights)])
        self._widths, self._heights = np.array(widths) * inch, np.array(heights) * inch
        self._inch, self._top = inch, top
        inner = np.array([self._widths.sum(), self._heights.sum()]) + gaps
        self._size = inner + [MARGIN + right, top + MARGIN]
        self.figure = load_matplotlib().figure.Figure(
            figsize=self._size, dpi=DPI, facecolor=BACKGROUND
        )
        # Without it, notebooks show only figures of pyplot.
        self.figure._repr_png_ = functools.partial(png, self.figure)

    def panel(self, row, column, extent):
        """Add the axes of a panel of size `extent` in mm, centered in its cell."""
        width, height = np.array(extent) * self._inch
        left = MARGIN + self._widths[:column].sum() + GAP * column
        above = self._top + self._heights[:row].sum() + GAP * row
        left += (self._widths[column] - width) / 2
        above += (self._heights[row] - height) / 2
        axes = self._axes(left, above, width, height)
        axes.set(xlim=(0, extent[0]), ylim=(0, extent[1]))
        axes.set_axis_off()
        return axes

    def title(self, column, text):
        """Write a heading above a column."""
        left = MARGIN + self._widths[:column].sum() + GAP * column
        x = (left + self._widths[column] / 2) / self._size[0]
        y = 1 - self._top / 2 / self._size[1]
        self.figure.text(x, y, text, color=INK, size=10, ha="center", va="center")

    def bar(self, drawn, label, ticks=None):
        """Add the color bar of `drawn`, with `ticks` as `{position: text}`."""
        height = min(2.4, 0.8 * (self._size[1] - self._top - MARGIN))
        above = self._top + (self._size[1] - self._top - MARGIN - height) / 2
        axes = self._axes(self._size[0] - BAR + 0.14, above, 0.11, height)
        bar = self.figure.colorbar(drawn, cax=axes)
        if ticks:
            bar.set_ticks(list(ticks), labels=list(ticks.values()), minor=False)
            bar.minorticks_off()
        axes.set_title(label, loc="left", color=FAINT, fontsize=7.5, pad=5)
        axes.tick_params(colors=FAINT, labelsize=7.5, length=2)
        bar.outline.set_visible(False)

    def _axes(self, left, above, width, height):
        w, h = self._size
        return self.figure.add_axes(
            [left / w, 1 - (above + height) / h, width / w, height / h]
        )


def show(axes, picture, **options):
    """Draw `picture` over the whole panel, with the first row at the bottom."""
    extent = (*axes.get_xlim(), *axes.get_ylim())
    options = {"interpolation": "bilinear", **options}
    return axes.imshow(picture, origin="lower", extent=extent, aspect="auto", **options)


def letters(axes, text):
    """Write orientation letters at the left, right, bottom and top border."""
    places = [(0.015, 0.5), (0.985, 0.5), (0.5, 0.015), (0.5, 0.985)]
    across = ["left", "right", "center", "center"]
    up = ["center", "center", "bottom", "top"]
    for letter, place, ha, va in zip(text, places, across, up, strict=False):
        note(axes, *place, letter, ha=ha, va=va)


def note(axes, x, y, text, color=FAINT, **options):
    """Write a small text at panel coordinates in [0, 1]."""
    axes.text(x, y, text, color=color, size=7.5, transform=axes.transAxes, **options)


def png(figure):
    """Convert a figure to the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor=figure.get_facecolor())
    return buffer.getvalue()
