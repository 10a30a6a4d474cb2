import json

import numpy as np
import pytest

from kregzoo.spatial import read_points, write_points

# Slicer writes LPS by default; the points are (-10, -20, 30) and (1, 2, 3) in RAS.
RAS = [[-10.0, -20.0, 30.0], [1.0, 2.0, 3.0]]
FCSV = """\
# Markups fiducial file version = 4.11
# CoordinateSystem = {system}
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
1,{first},0,0,0,1,1,1,0,"F-1, left",,vtkMRMLScalarVolumeNode1
2,{second},0,0,0,1,1,1,0,F-2,,
"""


def markups(system="LPS", **others):
    positions = [[10.0, 20.0, 30.0], [-1.0, -2.0, 3.0]] if system == "LPS" else RAS
    points = [
        {"label": f"F-{n}", "position": position, "positionStatus": "defined"}
        for n, position in enumerate(positions)
    ]
    markup = {
        "type": "Fiducial",
        "coordinateSystem": system,
        "coordinateUnits": "mm",
        "controlPoints": points,
        **others,
    }
    return {"markups": [markup]}


def written(tmp_path, text, name="points.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("10,20\n", (10, 20)),
        ("x,y\n10,20\n", (10, 20)),
        ("y,x\n10,20\n", (20, 10)),
        ("R,A\n10,20\n", (10, 20)),
        ("a,r\n10,20\n", (20, 10)),
        ("l,p\n10,20\n", (-10, -20)),
        ("P,L\n10,20\n", (-20, -10)),
        ("l,a\n10,20\n", (-10, 20)),
        ("X [mm], Y (mm)\n10, 20\n", (10, 20)),
        ("x_mm,y_mm\n10,20\n", (10, 20)),
        ("# y,x\n10,20\n", (20, 10)),
        ("# landmarks of one person\n# 1,2\n10,20\n", (10, 20)),
        ("\ufeffx,y\r\n10,20\r\n\r\n", (10, 20)),
        ("x,y,\n10,20,\n", (10, 20)),
        ("1e1,-2.0E+1\n", (10, -20)),
    ],
)
def test_axes_of_a_plane(tmp_path, text, point):
    points = read_points(written(tmp_path, text), 2)
    np.testing.assert_array_equal(points, [point])
    assert points.dtype == "float64"


@pytest.mark.parametrize(
    ("header", "point"),
    [
        ("x,y,z", (1, 2, 3)),
        ("z,y,x", (3, 2, 1)),
        ("r,a,s", (1, 2, 3)),
        ("s,r,a", (2, 3, 1)),
        ("l,p,s", (-1, -2, 3)),
        ("l,p,i", (-1, -2, -3)),
        ("s,p,l", (-3, -2, 1)),
    ],
)
def test_axes_of_a_volume(tmp_path, header, point):
    points = read_points(written(tmp_path, f"{header}\n1,2,3\n"), 3)
    np.testing.assert_array_equal(points, [point])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no points"),
        ("x,y\n", "holds no points"),
        ("x,y\n10,nan\n", "1 of its points are not finite"),
        ("nan,1\n10,2\n", "1 of its points are not finite"),
        ("10,20\n1e400,-inf\n", "1 of its points are not finite"),
        ("x;y\n10;20\n", "does not name axes"),
        ("10 20\n", "does not name axes"),
        ("Markups\nx,y\n10,20\n", "does not name axes"),
        ("x,p\n10,20\n", "does not name axes"),
        ("x,x\n10,20\n", "does not name axes"),
        ("r,l\n10,20\n", "does not name axes"),
        ("i,j\n10,20\n", "does not name axes"),
        ("x_um,y_um\n10,20\n", "does not name axes"),
        ("# column,row\n10,20\n", "does not name axes"),
        ("x,y,z,t\n10,20,0,0\n", "does not name axes"),
        ("x,z\n10,20\n", "leaves out an axis"),
        ("x,y,z\n1,2,3\n", "3 coordinates, where the image has 2"),
        ("1,2,3\n", "each hold 2 numbers"),
        ("1,2\n1\n", "each hold 2 numbers"),
        ("1,2\n1,two\n", "not a number"),
        ("1,2\n1,\n", "each hold 2 numbers"),
        ("1,2\n# x,y\n1,2\n", "not a number"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=message) as caught:
        read_points(path, 2)
    assert "points.csv" in str(caught.value) and "RAS" in str(caught.value)


@pytest.mark.parametrize(
    ("system", "first", "second"),
    [
        ("LPS", "10,20,30", "-1,-2,3"),
        ("1", "10,20,30", "-1,-2,3"),
        ("RAS", "-10,-20,30", "1,2,3"),
        ("0", "-10,-20,30", "1,2,3"),
    ],
)
@pytest.mark.parametrize("name", ["F.fcsv", "F.FCSV", "renamed.csv"])
def test_slicers_fcsv(tmp_path, name, system, first, second):
    text = FCSV.format(system=system, first=first, second=second)
    np.testing.assert_array_equal(read_points(written(tmp_path, text, name), 3), RAS)


def test_slicers_fcsv_without_a_coordinate_system(tmp_path):
    text = FCSV.format(system="IJK", first="10,20,30", second="-1,-2,3")
    with pytest.raises(ValueError, match="RAS or LPS, not IJK"):
        read_points(written(tmp_path, text, "F.fcsv"), 3)
    text = text.replace("# CoordinateSystem = IJK\n", "")
    with pytest.raises(ValueError, match="RAS or LPS, not left out"):
        read_points(written(tmp_path, text, "F.fcsv"), 3)


@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_slicers_markups(tmp_path, system):
    path = written(tmp_path, json.dumps(markups(system)), "F.mrk.json")
    np.testing.assert_array_equal(read_points(path, 3), RAS)


def test_several_lists_of_markups(tmp_path):
    both = {"markups": [*markups("LPS")["markups"], *markups("RAS")["markups"]]}
    path = written(tmp_path, json.dumps(both), "F.mrk.json")
    np.testing.assert_array_equal(read_points(path, 3), RAS + RAS)


NOWHERE = {"label": "F-9", "position": [0, 0, 0], "positionStatus": "undefined"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (markups(coordinateSystem="IJK"), "RAS or LPS, not IJK"),
        (markups(coordinateSystem=None), "RAS or LPS, not left out"),
        (markups(coordinateUnits="um"), "other units than mm"),
        (markups(coordinateUnits=["mm", "mm", "s"]), "other units than mm"),
        (markups(controlPoints=[NOWHERE]), "'F-9' is not placed"),
        (markups(controlPoints=[{"position": [0, 0, float("nan")]}]), "not finite"),
        (markups(controlPoints=[{"position": [0, 0]}]), "each hold 3 numbers"),
        (markups(controlPoints=[{"position": [0, 0, "z"]}]), "not a number"),
        (markups(controlPoints=[{"position": None}]), "not a markups file"),
        (markups(controlPoints=[]), "holds no points"),
        ({"points": []}, "not a markups file"),
        ([1, 2], "not a markups file"),
    ],
)
def test_markups_that_are_refused(tmp_path, content, message):
    path = written(tmp_path, json.dumps(content), "F.mrk.json")
    with pytest.raises(ValueError, match=message):
        read_points(path, 3)


def test_slicers_points_of_a_plane_are_refused(tmp_path):
    path = written(tmp_path, json.dumps(markups()), "F.mrk.json")
    with pytest.raises(ValueError, match="3 coordinates, where the image has 2"):
        read_points(path, 2)


@pytest.mark.parametrize("ndim", [2, 3])
def test_write_then_read(tmp_path, ndim):
    points = np.random.default_rng(0).normal(0, 100, (7, ndim))
    write_points(tmp_path / "points.csv", points)
    text = (tmp_path / "points.csv").read_text(encoding="utf-8")
    assert text.startswith("x,y,z"[: 2 * ndim - 1])
    np.testing.assert_allclose(
        read_points(tmp_path / "points.csv", ndim), points, atol=1e-6
    )


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("ndim", [2, 3])
def test_points_between_slices_may_be_of_the_plane_or_of_space(tmp_path, ndim, named):
    header = "x,y,z"[: 2 * ndim - 1] + "\n" if named else ""
    text = header + ",".join(str(value) for value in range(ndim)) + "\n"
    points = read_points(written(tmp_path, text), None)
    np.testing.assert_array_equal(points, [range(ndim)])


@pytest.mark.parametrize("row", ["1", "1,2,3,4"])
def test_points_between_slices_have_two_or_three_coordinates(tmp_path, row):
    with pytest.raises(ValueError, match="2 or 3 dimensions|each hold 3"):
        read_points(written(tmp_path, row), None)
