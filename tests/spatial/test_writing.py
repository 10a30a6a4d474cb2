import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.spatial import Image

RAMP = np.arange(64.0).reshape(4, 4, 4)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int16", "int64"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mgz", ".mha", ".nrrd"])
def test_write_then_read(tmp_path, random_grid, suffix, dtype, ndim):
    grid = random_grid(5, ndim)
    voxels = np.random.default_rng(0).uniform(0, 200, grid.shape).astype(dtype)
    image = Image(voxels, grid)
    image.write(tmp_path / f"image{suffix}")
    again = Image.read(tmp_path / f"image{suffix}")
    np.testing.assert_array_equal(again.array, image.array)
    assert (again.array.dtype.kind in "iu") == (dtype != "float32")
    assert again.array.dtype.isnative
    assert again.grid == grid
    assert again.name == f"image{suffix}"


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_files_mean_the_same_to_simpleitk(tmp_path, random_image, suffix):
    image = random_image(2, 3)
    image.write(tmp_path / f"image{suffix}")
    read = sitk.ReadImage(str(tmp_path / f"image{suffix}"))
    index = (1, 2, 3)
    assert read[index] == pytest.approx(image.array[index])
    np.testing.assert_allclose(
        np.array(read.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1],
        image.grid.voxel_to_world(index),
        atol=1e-3,
    )


@pytest.mark.parametrize("suffix", [".NII", ".Nii.gz", ".NII.GZ", ".MGZ", ".MHA"])
def test_endings_in_any_case(tmp_path, suffix):
    image = Image.from_array(np.arange(24, dtype="int16").reshape(2, 3, 4))
    image.write(tmp_path / f"Image{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"Image{suffix}"]
    read = Image.read(tmp_path / f"Image{suffix}")
    np.testing.assert_array_equal(read.array, image.array)
    assert read.name == f"Image{suffix}"


@pytest.mark.parametrize(
    ("voxels", "name"),
    [
        (RAMP, "image.png"),
        (RAMP, "image.xyz"),
        (np.array([[0, 2**40]]), "image.mgz"),
        (RAMP, "none/image.nii.gz"),
    ],
)
def test_impossible_writing_leaves_no_file(tmp_path, voxels, name):
    with pytest.raises(ValueError, match="Received"):
        Image.from_array(voxels).write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".hdr", ".img", ".mhd", ".nhdr"])
def test_an_image_goes_to_one_file(tmp_path, suffix):
    with pytest.raises(ValueError, match="one file.*Received"):
        Image.from_array(np.eye(4)).write(tmp_path / f"image{suffix}")
    assert list(tmp_path.iterdir()) == []
