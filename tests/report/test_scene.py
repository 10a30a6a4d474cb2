"""The scene against nibabel's reorientation and closed forms."""

import nibabel as nib
import numpy as np
import pytest

from kregzoo.report.scene import Scene
from kregzoo.spatial import Grid, Image

RAS_TO_LPI = np.diag([-1.0, -1.0, -1.0, 1.0])


def scene_of(array, affine, displacement=None):
    image = Image(array, Grid(array.shape, affine))
    if displacement is None:
        displacement = np.zeros((*array.shape, array.ndim))
    return Scene(image, image, image, displacement)


@pytest.mark.parametrize("code", ["RAS", "LPI", "SAR", "PIL"])
def test_planes_do_not_depend_on_how_the_file_is_stored(code):
    rng = np.random.default_rng(0)
    blob = np.zeros((12, 10, 8), "float32")
    blob[3:7, 4:9, 2:6] = rng.uniform(1, 2, (4, 5, 4))
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    turn = nib.orientations.axcodes2ornt(code)
    stored = nib.Nifti1Image(blob, affine).as_reoriented(
        nib.orientations.ornt_transform(nib.io_orientation(affine), turn)
    )
    ours = scene_of(np.asarray(stored.dataobj), stored.affine)
    truth = scene_of(blob, affine)
    for plane, reference in zip(ours.planes, truth.planes, strict=True):
        assert ours.extent(plane) == truth.extent(reference)
        np.testing.assert_array_equal(
            ours.picture("fixed", plane) > 0, truth.picture("fixed", reference) > 0
        )


def test_axial_plane_has_right_at_the_right_and_anterior_above():
    volume = np.zeros((9, 9, 9), "float32")
    volume[6, 7, :] = 1.0  # towards right and anterior
    scene = scene_of(volume, np.eye(4))
    axial = scene.planes[0]
    row, column = np.unravel_index(scene.picture("fixed", axial).argmax(), (9, 9))
    assert (axial.letters, row, column) == ("LRPA", 7, 6)


def test_a_picture_keeps_its_rows_from_top_to_bottom():
    rows = np.arange(20.0).reshape(5, 4)
    scene = Scene(*[Image.from_array(rows)] * 3, np.zeros((5, 4, 2)))
    shown = scene.picture("fixed", scene.planes[0])
    # Row 0 of the drawing is at the bottom.
    assert shown[0].mean() > shown[-1].mean()
    assert shown[0, 0] < shown[0, -1]


@pytest.mark.parametrize("affine", [np.eye(4), RAS_TO_LPI])
def test_planes_go_through_any_voxel(affine):
    volume = np.random.default_rng(0).uniform(size=(5, 6, 7))
    scene = scene_of(volume, affine)
    before = list(scene.planes)
    shown = volume if affine is not RAS_TO_LPI else volume[::-1, ::-1, ::-1]
    axial, coronal, sagittal = (cut := scene.through(1, 2, 3)).planes
    for plane, slab in (
        (axial, shown[:, :, 3]),
        (coronal, shown[:, 2]),
        (sagittal, shown[1]),
    ):
        low, high = np.percentile(slab, [10, 90])
        inside = (slab > low) & (slab < high)
        found = cut.picture("fixed", plane).T[inside]
        # A window rescales intensities, and changes nothing else.
        assert np.corrcoef(found, slab[inside])[0, 1] > 0.999
    assert scene.planes == before


@pytest.mark.parametrize("affine", [np.eye(4), RAS_TO_LPI])
def test_lattice_moves_by_the_displacement_in_mm(affine):
    affine = affine @ np.diag([1.0, 2.0, 4.0, 1.0])
    volume = np.ones((8, 8, 8), "float32")
    # One coarse voxel along each axis, or two fine ones, towards +RAS.
    towards = np.sign(np.diag(affine)[:3])
    displacement = np.broadcast_to(towards, (4, 4, 4, 3))
    scene = scene_of(volume, affine, displacement)
    coronal = scene.planes[1]
    points, lengths = scene.moved_lattice(coronal)
    np.testing.assert_allclose(points[0, 0], [1.0 + 2.0, 4.0 + 8.0])
    np.testing.assert_allclose(points[-1, -1], [7.0 + 2.0, 28.0 + 8.0])
    np.testing.assert_allclose(lengths, np.sqrt(2.0**2 + 4.0**2 + 8.0**2))


@pytest.mark.parametrize("place", [0, 3, 6])
def test_jacobian_of_a_linear_map_is_its_determinant_in_every_slice(place):
    matrix = np.array([[0.1, 0.2, 0.0], [0.0, -0.3, 0.1], [0.2, 0.0, 0.25]])
    where = np.stack(np.meshgrid(*[np.arange(7.0)] * 3, indexing="ij"), axis=-1)
    volume = np.zeros((7, 7, 7), "float32")
    volume[place, place, place] = 1.0  # planes cut where it is bright
    scene = scene_of(volume, np.diag([-1.0, 1.0, 2.0, 1.0]), where @ matrix.T)
    expected = np.linalg.det(np.eye(3) + matrix)
    for plane in scene.planes:
        np.testing.assert_allclose(scene.jacobian(plane), expected, rtol=1e-5)


def test_shapes_that_do_not_match_are_refused():
    image = Image.from_array(np.eye(8))
    other = Image.from_array(np.eye(6))
    still = np.zeros((8, 8, 2))
    with pytest.raises(ValueError, match="`moving` must be on the grid"):
        Scene(image, other, image, still)
    with pytest.raises(ValueError, match="D=2 components"):
        Scene(image, image, image, np.zeros((8, 8, 3)))
