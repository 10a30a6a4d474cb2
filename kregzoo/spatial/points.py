"""Files of landmarks.

Points are in RAS millimeters everywhere in the package. In a file, the names of the
columns or, for 3D Slicer, the coordinate system may state other axes.
"""

import csv
import json
import re

import numpy as np

from kregzoo.utils.files import as_path, atomic

# Direction of each column, as an axis of RAS and its sign.
COLUMNS = {
    **{"x": (0, 1), "y": (1, 1), "z": (2, 1)},
    **{"r": (0, 1), "a": (1, 1), "s": (2, 1)},
    **{"l": (0, -1), "p": (1, -1), "i": (2, -1)},
}
# 3D Slicer's coordinate systems by the names and numbers that its versions write.
SYSTEMS = {"RAS": "ras", "0": "ras", "LPS": "lps", "1": "lps"}
FCSV_START = "# Markups fiducial file"
# Positions of the coordinates in a row of an .fcsv file that does not name its columns.
FCSV_COLUMNS = ["id", "x", "y", "z"]
HINT = (
    "Give a CSV file with one point per row, in RAS mm or with a header that names the "
    "axes, such as x,y,z (RAS) or l,p,s (LPS); or 3D Slicer's .mrk.json or .fcsv"
)


def read_points(path, ndim):
    r"""Read landmarks from a CSV file or from one of 3D Slicer's files.

    Args:
        path: CSV file, `.fcsv` or `.mrk.json`. A CSV file has one point per row. An
            optional header names the axes in their order: `x`, `y`, `z` are RAS mm;
            `r`, `a`, `s`, `l`, `p`, `i` point to right, anterior, superior, left,
            posterior, inferior.
        ndim: Required number of coordinates, 2 or 3; or None for either, as between
            images of one slice.

    Returns:
        Points `(N, D)` in RAS mm, float64, in the order of the file.

    Raises:
        ValueError: If the file has no points, points of another dimension, coordinates
            that are not finite, or unknown axes.

    Example:
        >>> import tempfile
        >>> path = as_path(tempfile.mkdtemp()) / "points.csv"
        >>> _ = path.write_text("p,l\n10,20\n")
        >>> read_points(path, 2)
        array([[-20., -10.]])
    """
    path = as_path(path)
    try:
        points = _parse(path.name.lower(), path.read_text(encoding="utf-8-sig"), ndim)
        if not len(points):
            raise ValueError("It holds no points")
        if points.shape[1] not in ((2, 3) if ndim is None else (ndim,)):
            raise ValueError(
                f"Its points have {points.shape[1]} coordinates, where the image has "
                f"{ndim or '2 or 3'} dimensions"
            )
        if not np.isfinite(points).all():
            count = np.count_nonzero(~np.isfinite(points).all(axis=1))
            raise ValueError(f"{count} of its points are not finite")
    except ValueError as error:
        reason = str(error).rstrip(".")
        raise ValueError(
            f"The landmarks cannot be read: {reason}. {HINT}. "
            f"Received: path={str(path)!r}"
        ) from error
    return points


def write_points(path, points):
    """Write landmarks as a CSV file with the header `x,y,z` or `x,y`.

    Args:
        path: File to write, which appears only when it is complete.
        points: Points `(N, D)` in RAS mm.

    Example:
        >>> import tempfile
        >>> path = as_path(tempfile.mkdtemp()) / "points.csv"
        >>> write_points(path, [[1.0, 2.0]])
        >>> read_points(path, 2)
        array([[1., 2.]])
    """
    points = np.asarray(points)
    with (
        atomic(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow("xyz"[: points.shape[1]])
        writer.writerows([f"{value:.6f}" for value in point] for point in points)


def _parse(name, text, ndim):
    if name.endswith(".json"):
        return _from_markups(text)
    # Check the content, too, because the file may have been renamed to .csv.
    if name.endswith(".fcsv") or text.startswith(FCSV_START):
        return _from_fcsv(text)
    return _from_csv(text, ndim)


def _from_csv(text, ndim):
    axes, rows = None, []
    for cells in _rows(text):
        if axes is None and not rows and not _is_number(cells[0]):
            axes = _named_axes(cells)
        else:
            rows.append(cells)
    if axes is None:
        axes = "xyz"[: ndim or len(rows[0])] if rows else "xyz"
    return _to_ras(rows, axes)


def _rows(text):
    """Yield the cells of each row, without comments and empty cells at the end.

    A comment with several cells is kept, because NumPy writes the header as a comment.
    """
    for cells in csv.reader(text.splitlines()):
        cells = [cell.strip() for cell in cells]
        while cells and not cells[-1]:
            cells.pop()
        if cells and cells[0].startswith("#"):
            cells[0] = cells[0].lstrip("# ")
            cells = [] if len(cells) == 1 or _is_number(cells[0]) else cells
        if cells:
            yield cells


def _named_axes(cells):
    """Return the letters of the axes in a header; `X [mm]` and `x_mm` are x."""
    letters = [re.sub(r"[\s_]*[\[(]?mm[\])]?$", "", cell.lower()) for cell in cells]
    axes = [COLUMNS.get(letter, (letter,))[0] for letter in letters]
    # All of one system: with p, for example, x could be that of RAS or of LPS.
    systems = (set("xyz"), set("raslpi"))
    if len(set(axes)) < len(axes) or not any(set(letters) <= s for s in systems):
        raise ValueError(f"Its header does not name axes: {','.join(cells)}")
    if sorted(axes) != list(range(len(axes))):
        raise ValueError(f"Its header leaves out an axis: {','.join(cells)}")
    return letters


def _from_fcsv(text):
    system, columns, rows = None, FCSV_COLUMNS, []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, value = (part.strip() for part in line.lstrip("# ").partition("="))
        if not line.startswith("#"):
            rows.append(next(csv.reader([line])))
        elif name == "CoordinateSystem":
            system = value
        elif name == "columns":
            columns = value.split(",")
    axes = _system_axes(system)
    if not {"x", "y", "z"} <= set(columns):
        raise ValueError(f"Its columns must be x, y and z: {','.join(columns)}")
    wanted = [columns.index(axis) for axis in "xyz"]
    if any(len(row) <= max(wanted) for row in rows):
        raise ValueError("A row is too short")
    return _to_ras([[row[index] for index in wanted] for row in rows], axes)


def _from_markups(text):
    try:
        points = [_markup_points(markup) for markup in json.loads(text)["markups"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("It is not a markups file of 3D Slicer") from error
    return np.concatenate([*points, np.empty((0, 3))])


def _markup_points(markup):
    units = markup.get("coordinateUnits", "mm")
    if set([units] if isinstance(units, str) else units) != {"mm"}:
        raise ValueError(f"Its points are in other units than mm: {units}")
    for point in markup["controlPoints"]:
        if point.get("positionStatus", "defined") != "defined":
            raise ValueError(f"The point {point.get('label', '')!r} is not placed")
    positions = [point["position"] for point in markup["controlPoints"]]
    return _to_ras(positions, _system_axes(markup.get("coordinateSystem")))


def _system_axes(system):
    axes = SYSTEMS.get(str(system).upper())
    if axes is None:
        raise ValueError(
            f"Its coordinate system must be RAS or LPS, not {system or 'left out'}"
        )
    return axes


def _to_ras(rows, axes):
    """Convert columns of numbers to RAS, `(N, D)`, by permuting and flipping them."""
    if not rows:
        return np.empty((0, len(axes)))
    if any(len(row) != len(axes) for row in rows):
        raise ValueError(f"Its rows must each hold {len(axes)} numbers")
    if not all(_is_number(cell) for row in rows for cell in row):
        raise ValueError("A coordinate is not a number")
    values = np.array([[float(cell) for cell in row] for row in rows])
    points = np.empty_like(values)
    for column, letter in enumerate(axes):
        axis, sign = COLUMNS[letter]
        points[:, axis] = sign * values[:, column]
    return points


def _is_number(cell):
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True
