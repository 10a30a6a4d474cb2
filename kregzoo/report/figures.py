"""Figures of one registration: overlay, checkerboard, difference, grid, Jacobian."""

import numpy as np

from kregzoo.report.page import INK, Page, letters, load_matplotlib, note, show
from kregzoo.report.scene import Scene

# The two hues add up to white: equal intensities are gray, differences are tinted.
FIXED_HUE, MOVING_HUE = (1.0, 0.52, 0.12), (0.0, 0.48, 0.88)
DIVERGING = "#a5dcff #2b8cff #0b2b59 #000000 #5a2406 #ff7a1a #ffdba6".split()
FOLD = "#ff3df2"
TILES, LINES, PIECES = 8, 26, 80


def plot(fixed, moving, warped, displacement, kind="overlay"):
    """Draw a figure of a registration.

    The kinds are:

    - `"overlay"`: the fixed, moving and warped image, and the fixed image overlaid with
      each of the other two in complementary hues. The sum is gray where they agree.
    - `"checkerboard"`: tiles of the fixed image alternating with the moving image
      (before) and with the warped image (after). Edges are continuous where they agree.
    - `"difference"`: moving and warped minus fixed, each image in its own window.
    - `"grid"`: a regular lattice of the fixed image, deformed by the transform, over
      the moving image.
    - `"jacobian"`: local change of volume. Folded voxels (determinant at or below 0)
      are marked.

    A 3-D image is shown in three planes through the centroid of the fixed image, in
    right-anterior-superior order. All panels have the same scale in mm.

    Args:
        fixed: `Image` in 2-D or 3-D.
        moving: the moving `Image`, resampled to the grid of `fixed`.
        warped: the warped `Image`, on the grid of `fixed`.
        displacement: array `(*spatial, D)` in voxels of its grid, which covers the
            field of view of `fixed` at any resolution.
        kind: one of `kregzoo.report.KINDS`.

    Returns:
        A `matplotlib.figure.Figure` without a window.

    Raises:
        ValueError: If `kind` is unknown, or the shapes do not match.

    Example:
        >>> import numpy as np
        >>> from kregzoo.spatial import Grid, Image
        >>> image = Image(np.eye(16), Grid((16, 16), np.eye(3)))
        >>> still = np.zeros((16, 16, 2))
        >>> figure = plot(image, image, image, still, kind="checkerboard")
        >>> len(figure.axes)
        2
    """
    return draw(Scene(fixed, moving, warped, displacement), kind)


def draw(scene, kind):
    """Draw the planes of a `Scene` as a figure of a kind, see `plot`."""
    if kind not in DRAWERS:
        raise ValueError(f"`kind` must be one of {KINDS}. Received: kind={kind!r}")
    return DRAWERS[kind](scene)


def plain(scene, name):
    """Draw one image of a `Scene` in gray: `"fixed"`, `"moving"` or `"warped"`."""
    return mosaic(scene, [("", _picture(scene, name))])


def _overlay(scene):
    single = [(name.capitalize(), _picture(scene, name)) for name in scene.names]
    blends = [("Before", _blend(scene, "moving")), ("After", _blend(scene, "warped"))]
    return mosaic(scene, single + blends)


def _checkerboard(scene):
    def tiles(name):
        def paint(axes, plane):
            fixed, other = scene.picture("fixed", plane), scene.picture(name, plane)
            # Tiles are square in mm, TILES of them along the longer side.
            width, height = scene.extent(plane)
            side = max(width, height) / TILES
            rows, columns = fixed.shape
            y = (np.arange(rows) + 0.5) * height / rows // side
            x = (np.arange(columns) + 0.5) * width / columns // side
            chosen = np.where((y[:, None] + x) % 2, other, fixed)
            show(axes, chosen, cmap="gray", vmin=0, vmax=1)

        return paint

    return mosaic(scene, [("Before", tiles("moving")), ("After", tiles("warped"))])


def _difference(scene):
    def subtract(name):
        def paint(axes, plane):
            values = scene.picture(name, plane) - scene.picture("fixed", plane)
            return show(axes, values, cmap=_diverging(), vmin=-0.6, vmax=0.6)

        return paint

    panels = [("Before", subtract("moving")), ("After", subtract("warped"))]
    return mosaic(scene, panels, bar="difference")


def _grid(scene):
    matplotlib = load_matplotlib()
    lattices = {plane: scene.moved_lattice(plane) for plane in scene.planes}
    # The spacing of the lines in mm is as equal as whole voxels allow.
    step = scene.size.max() / LINES
    strides = np.maximum(1, np.rint(step / scene.voxel)).astype(int)
    longest = max(length.max() for _, length in lattices.values())
    norm = matplotlib.colors.Normalize(0, max(longest, 1e-3))

    def paint(axes, plane):
        show(axes, scene.picture("moving", plane) * 0.5, cmap="gray", vmin=0, vmax=1)
        points, shifts = lattices[plane]
        segments, lengths = _segments(points, shifts, strides[[plane.up, plane.across]])
        lines = matplotlib.collections.LineCollection(
            segments, array=lengths, cmap="turbo", norm=norm, linewidths=0.8
        )
        return axes.add_collection(lines, autolim=False)

    return mosaic(scene, [("Deformation", paint)], bar=scene.unit)


def _segments(points, lengths, strides):
    """Cut the lines of a lattice into segments with a value for the color.

    Args:
        points: deformed voxel centers `(up, across, 2)` in mm.
        lengths: length of each displacement in mm, `(up, across)`.
        strides: voxels from one line to the next, up and across.

    Returns:
        Segments `(N, 2, 2)` and the length of the displacement of each, `(N,)`.
    """
    pieces, colors = [], []
    both = (points, lengths), (points.swapaxes(0, 1), lengths.T)
    for (lines, along), stride in zip(both, strides, strict=True):
        # Segments shorter than the resolution of the page would only take time.
        every = max(1, along.shape[1] // PIECES)
        chosen = slice(stride // 2, None, stride), slice(None, None, every)
        lines, along = lines[chosen], along[chosen]
        pieces.append(np.stack([lines[:, :-1], lines[:, 1:]], axis=2).reshape(-1, 2, 2))
        colors.append((along[:, :-1] + along[:, 1:]).ravel() / 2)
    return np.concatenate(pieces), np.concatenate(colors)


def _jacobian(scene):
    colors = load_matplotlib().colors
    norm = colors.LogNorm(0.5, 2.0, clip=True)

    def paint(axes, plane):
        show(axes, scene.picture("fixed", plane) * 0.75, cmap="gray", vmin=0, vmax=1)
        determinant = scene.jacobian(plane)
        folded = determinant <= 0
        ratio = np.where(folded, 1.0, np.maximum(determinant, 1e-3))
        # Opacity grows with the change of volume, so that unchanged tissue is visible.
        opacity = np.clip(1.6 * np.abs(np.log2(ratio)), 0.0, 0.9)
        drawn = show(axes, ratio, cmap=_diverging(), norm=norm, alpha=opacity)
        marks = np.where(folded[..., None], colors.to_rgba(FOLD), 0.0)
        show(axes, marks, interpolation="nearest")
        count = f"{folded.sum()} folded"
        note(axes, 0.98, 0.02, count, INK, ha="right")
        return drawn

    ticks = {0.5: "0.5", 0.71: "0.71", 1.0: "1", 1.41: "1.41", 2.0: "2"}
    return mosaic(scene, [("Jacobian", paint)], bar="volume", ticks=ticks)


DRAWERS = {
    "overlay": _overlay,
    "checkerboard": _checkerboard,
    "difference": _difference,
    "grid": _grid,
    "jacobian": _jacobian,
}
KINDS = tuple(DRAWERS)


def _picture(scene, name):
    """Make the painter of an image in gray."""

    def paint(axes, plane):
        show(axes, scene.picture(name, plane), cmap="gray", vmin=0, vmax=1)

    return paint


def _blend(scene, name):
    def paint(axes, plane):
        fixed = scene.picture("fixed", plane)[..., None] * FIXED_HUE
        other = scene.picture(name, plane)[..., None] * MOVING_HUE
        show(axes, np.clip(fixed + other, 0, 1))

    return paint


def _diverging():
    colors = load_matplotlib().colors
    return colors.LinearSegmentedColormap.from_list("lightbox", DIVERGING)


def mosaic(scene, panels, bar=None, ticks=None):
    """Draw a table of panels by planes.

    Args:
        scene: the `Scene`.
        panels: pairs `(title, paint(axes, plane))`. If there is a color bar, the
            painter returns the artist that it describes.
        bar: label of the color bar.
        ticks: ticks of the color bar, `{position: text}`.

    Returns:
        The `matplotlib.figure.Figure`.
    """
    planes = scene.planes
    extents = np.array([scene.extent(plane) for plane in planes])
    down = len(panels) > len(planes)
    if down:
        widths, heights = np.full(len(panels), extents[:, 0].max()), extents[:, 1]
    else:
        widths, heights = extents[:, 0], np.full(len(panels), extents[:, 1].max())
    page = Page(widths, heights, bar=bar is not None)
    titles = [title for title, _ in panels]
    names = [plane.name.capitalize() or titles[0] for plane in planes]
    for column, text in enumerate(titles if down else names):
        page.title(column, text)
    for i, plane in enumerate(planes):
        for j, (title, paint) in enumerate(panels):
            axes = page.panel(*((i, j) if down else (j, i)), scene.extent(plane))
            drawn = paint(axes, plane)
            letters(axes, plane.letters)
            if not down and len(panels) > 1:
                note(axes, 0.02, 0.98, title, INK, va="top")
    if bar is not None:
        page.bar(drawn, bar, ticks)
    return page.figure
