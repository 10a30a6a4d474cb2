import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from kregzoo.spatial import Grid, Image
from kregzoo.spatial.placing import place
from tests.spatial.slice_files import texture

RAMP = np.arange(64.0).reshape(4, 4, 4)


@pytest.mark.parametrize("array", [np.ones((4, 5, 1)), np.ones((4, 5, 1, 1))])
def test_trailing_axes_of_length_one_are_dropped(array):
    assert Image.from_array(array).grid == Grid(
        (4, 5), [[0, -1, 0], [-1, 0, 0], [0, 0, 1]]
    )


@pytest.mark.parametrize("spacing", [0, -1, np.nan])
def test_impossible_spacing(spacing):
    with pytest.raises(ValueError, match="`spacing` must be positive"):
        Image.from_array(RAMP, spacing=spacing)


def test_spacing_and_affine():
    with pytest.raises(ValueError, match="not both"):
        Image.from_array(RAMP, spacing=1.0, affine=np.eye(4))


@pytest.mark.parametrize("shape", [(1, 24, 20), (24, 1, 20), (1, 24, 20, 1)])
def test_an_array_of_one_slice_names_the_way_out(shape):
    with pytest.raises(ValueError, match="numpy.squeeze.*Received") as error:
        Image.from_array(texture().reshape(shape))
    assert "overlap" not in str(error.value)


@pytest.mark.parametrize("shape", [(5,), (3, 4, 5, 2), (0, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="2-D or 3-D.*Received: array of shape"):
        place(np.ones(shape))


def test_a_plane_in_space_keeps_its_place_if_it_is_axial():
    affine = nib.affines.from_matvec(np.diag([-1.5, 1.2, 8.0]), (70.0, -60.0, 37.0))
    _, grid = place(np.ones((4, 5)), affine=affine)
    point = nib.affines.apply_affine(affine, (2, 3, 0))
    np.testing.assert_allclose(grid.voxel_to_world((2, 3)), point[:2])


@pytest.mark.parametrize("angles", [(90, 0, 0), (0, 90, 0), (20, -10, 30)])
def test_another_plane_in_space_becomes_a_picture_of_its_spacing(angles):
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    affine = nib.affines.from_matvec(turn @ np.diag([1.5, 1.2, 8.0]), (70.0, 5.0, 3.0))
    _, grid = place(np.ones((4, 5)), affine=affine)
    _, picture = place(np.ones((4, 5)), spacing=nib.affines.voxel_sizes(affine)[:2])
    assert grid == picture
