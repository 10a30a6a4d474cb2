import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from kregzoo.spatial import (
    AffineTransform,
    Grid,
    Image,
    as_aligned_image,
    as_image,
    itk,
)
from kregzoo.spatial import image as image_module


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_pictures(tmp_path, suffix):
    picture = np.arange(12, dtype="uint8").reshape(3, 4)
    path = tmp_path / f"picture{suffix}"
    Image.from_array(picture, spacing=(2.0, 0.5)).write(path)
    read = Image.read(path, spacing=(2.0, 0.5))
    np.testing.assert_array_equal(read.array, picture)
    np.testing.assert_allclose(read.grid.spacing, (2.0, 0.5))
    # Row 2, column 3: x is the column and y the row, in ITK's LPS.
    point = read.grid.voxel_to_world((2, 3))
    np.testing.assert_allclose(point, (-1.5, -4.0))
    assert sitk.ReadImage(str(path))[3, 2] == picture[2, 3]
    np.testing.assert_array_equal(read.reoriented().array, picture)


def test_paths_of_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.from_array(np.eye(4)).write("~/image.nii")
    assert (tmp_path / "image.nii").is_file()
    np.testing.assert_array_equal(Image.read("~/image.nii").array, np.eye(4))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_reoriented_agrees_with_nibabel(random_image, seed):
    image = random_image(seed, 3, (3, 5, 4))
    expected = nib.as_closest_canonical(nib.Nifti1Image(image.array, image.grid.affine))
    reoriented = image.reoriented()
    np.testing.assert_array_equal(reoriented.array, expected.get_fdata("unchanged"))
    assert reoriented.grid == Grid(expected.shape, expected.affine)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.booleans())
def test_resample_agrees_with_simpleitk(random_image, random_grid, seed, ndim, labels):
    image = random_image(seed, ndim)
    grid = random_grid(seed + 1, ndim)
    # About the same center, so that the two overlap; not the same, which would put a
    # voxel halfway between others.
    affine = grid.affine.copy()
    affine[:-1, -1] += image.grid.center - grid.center + 0.123
    grid = Grid(grid.shape, affine)
    expected = sitk.Resample(
        itk.to_image(image.array, image.grid),
        itk.to_image(np.zeros(grid.shape, "float32"), grid),
        sitk.Transform(ndim, sitk.sitkIdentity),
        sitk.sitkNearestNeighbor if labels else sitk.sitkLinear,
    )
    result = image.resample(grid, interpolation="nearest" if labels else "linear")
    difference = np.abs(result.array - itk.from_image(expected)[0])
    # A voxel within rounding of an edge may fall on either side of it.
    assert np.count_nonzero(difference > 1e-3) <= 1
    assert result.array.any()
    assert result.grid == grid


def test_resample_of_labels_keeps_their_type(random_grid):
    grid = random_grid(0, 3)
    labels = np.random.default_rng(0).integers(0, 60000, grid.shape).astype("uint16")
    result = Image(labels, grid).resample(grid, interpolation="nearest")
    assert result.array.dtype == "uint16"
    np.testing.assert_array_equal(result.array, labels)
    assert Image(labels, grid).resample(grid).array.dtype == "float32"


def test_resample_in_slabs_changes_nothing(random_image, monkeypatch):
    image = random_image(1, 3)
    grid = image.grid.resampled(1.3)
    whole = image.resample(grid).array
    monkeypatch.setattr(image_module, "SLAB_VOXELS", 300)
    np.testing.assert_allclose(image.resample(grid).array, whole, atol=1e-4)


def test_fill():
    image = Image.from_array(np.full((4, 4), 7.0))
    grid = Grid((1, 2), image.grid.affine @ [[1, 0, 0], [0, 9, 0], [0, 0, 1]])
    np.testing.assert_array_equal(image.resample(grid).array, [[7, 0]])
    np.testing.assert_array_equal(image.resample(grid, fill="border").array, [[7, 7]])


def test_outside_of_a_ct_there_is_air():
    grid = Grid((6, 6, 6), np.eye(4))
    shifted = AffineTransform(np.array([[1, 0, 0, 2.25], *np.eye(4)[1:]], "float64"))
    voxels = np.full(grid.shape, -1000.0)
    voxels[1:-1, 1:-1, 1:-1] = np.random.default_rng(0).uniform(-900, 1000, (4, 4, 4))
    found = Image(voxels, grid).resample(grid, shifted, fill="background").array
    expected = ndimage.shift(voxels, (-2.25, 0, 0), order=1, cval=-1000)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    # A brain that was standardized, without its skull, has zeros around it, and so
    # have labels.
    brain = Image(np.where(voxels > -1000, voxels, 0.0), grid), "linear"
    labels = Image(voxels.astype("int16"), grid), "nearest"
    for image, interpolation in (brain, labels):
        found = image.resample(grid, shifted, interpolation, "background").array
        np.testing.assert_array_equal(found[4:], 0)
    whole = Image(voxels, grid)
    np.testing.assert_array_equal(shifted.apply(whole, grid).array[4:], -1000)


def test_as_image_takes_every_kind(tmp_path):
    array = np.random.default_rng(0).random((4, 5, 6)).astype("float32")
    nifti = nib.Nifti1Image(array, np.diag([1.0, 2.0, 3.0, 1.0]))
    nifti.to_filename(tmp_path / "image.nii.gz")
    for value in [
        array,
        nifti,
        tmp_path / "image.nii.gz",
        str(tmp_path / "image.nii.gz"),
        Image.from_array(array),
    ]:
        np.testing.assert_array_equal(as_image(value).array, array)
    assert as_image(nifti).grid.spacing.tolist() == [1, 2, 3]
    assert as_image(np.ones((4, 4), bool), allow_labels=True).array.dtype == "uint8"


def test_as_image_takes_nan_for_background():
    array = np.random.default_rng(0).uniform(5, 9, (6, 6, 6)).astype("float32")
    array[:2] = np.nan
    found = as_image(array).array
    np.testing.assert_array_equal(found, np.nan_to_num(array, nan=0.0))
    with pytest.raises(ValueError, match="72 voxels"):
        as_image(array, allow_labels=True)


def test_padding_and_air_do_not_make_a_ct_a_map_of_labels():
    array = np.full((20, 20, 20), -3024, "int16")
    array[:, 2:-2, 2:-2] = -1000
    array[:, 8:12, 8:12] = np.random.default_rng(0).integers(-50, 900, (20, 4, 4))
    np.testing.assert_array_equal(as_image(array).array, array)


def truncated(path, suffix):
    Image.from_array(np.random.default_rng(0).random((9, 9, 9))).write(path / suffix)
    content = (path / suffix).read_bytes()
    (path / suffix).write_bytes(content[: len(content) // 2])
    return path / suffix


def written(path, name, content):
    (path / name).write_bytes(content)
    return path / name


def saved(path, image):
    sitk.WriteImage(image, str(path / "image.png"))
    return path / "image.png"


NIFTI = nib.Nifti1Image
RAMP = np.arange(64.0).reshape(4, 4, 4)
BAD = {
    "missing file": (lambda path: path / "none.nii.gz", "no such file"),
    "empty folder": (lambda path: path, "could not be read"),
    "empty file": (
        lambda path: written(path, "image.nii.gz", b""),
        "could not be read",
    ),
    "not an image": (
        lambda path: written(path, "image.nii", b"no"),
        "could not be read",
    ),
    "unknown format": (lambda path: written(path, "image.xyz", b"no"), "could not be"),
    "truncated nii": (lambda path: truncated(path, "image.nii"), "could not be read"),
    "truncated gz": (lambda path: truncated(path, "image.nii.gz"), "could not be read"),
    "truncated mgz": (lambda path: truncated(path, "image.mgz"), "could not be read"),
    "truncated mha": (lambda path: truncated(path, "image.mha"), "could not be read"),
    "colors": (
        lambda path: saved(path, sitk.Image((4, 4), sitk.sitkVectorUInt8, 3)),
        "3 channels or volumes",
    ),
    "nan": (lambda path: np.full((4, 4), np.nan), "16 voxels"),
    "infinity": (lambda path: np.where(RAMP > 3, np.inf, RAMP), "must be finite"),
    "constant": (lambda path: np.zeros((4, 4)), "all equal"),
    "4-D": (lambda path: np.ones((4, 4, 4, 2)), "2-D or 3-D"),
    "4-D nifti": (lambda path: NIFTI(np.ones((4, 4, 4, 2)), np.eye(4)), "2-D or 3-D"),
    "no voxels": (lambda path: np.ones((4, 0, 4)), "at least one voxel"),
    "one axis": (lambda path: np.ones(4), "2-D or 3-D"),
    "complex": (lambda path: RAMP * 1j, "real numbers"),
    "text": (lambda path: np.full((4, 4), "a"), "real numbers"),
    "other type": (lambda path: 3, "Received: int"),
    "nothing": (lambda path: None, "Received: NoneType"),
}


@pytest.mark.parametrize("case", BAD)
def test_as_image_names_the_argument(tmp_path, case):
    make, message = BAD[case]
    with pytest.raises(ValueError, match=f"`moving`(.|\n)*{message}"):
        as_image(make(tmp_path), "moving")


@pytest.mark.parametrize(
    ("affine", "message"),
    [
        (np.diag([1.0, 1, 0, 1]), "invertible"),
        (np.ones((4, 4)), "invertible"),
        (np.diag([np.nan, 1, 1, 1]), "finite"),
    ],
)
def test_impossible_affine_in_a_file(tmp_path, affine, message):
    image = nib.Nifti1Image(RAMP, np.eye(4))
    image.header.set_sform(affine, code="scanner")
    content = image.header.binaryblock + bytes(4) + RAMP.tobytes()
    with pytest.raises(ValueError, match=f"`fixed`(.|\n)*{message}"):
        as_image(written(tmp_path, "image.nii", content), "fixed")


def test_array_must_fit_its_grid():
    with pytest.raises(ValueError, match="shape of its grid"):
        Image(RAMP, Grid.centered((4, 4, 5)))


def test_an_array_of_labels_lies_where_its_image_lies(random_image):
    image = random_image(0, 3)
    array = (image.array > image.array.mean()).astype("uint8")
    assert as_aligned_image(image, array, "labels").grid == image.grid
    assert as_aligned_image(image, array.tolist(), "labels").grid == image.grid
    # What has a place of its own, or another shape, keeps its own.
    own = Image.from_array(array)
    assert as_aligned_image(image, own, "labels").grid == own.grid
    assert (
        as_aligned_image(image, array[1:], "labels").grid
        == Image.from_array(array[1:]).grid
    )
