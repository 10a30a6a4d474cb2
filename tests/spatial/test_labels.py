import tracemalloc

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.spatial import AffineTransform, Image, LabelMap, as_labels

# Values of the Allen atlas, and others that some types cannot store.
LARGE = {
    "beyond float32": (614454277, 312782546, 16777217),
    "beyond int32": (4026531840, 2147483648, 614454277),
    "beyond uint32": (2**40 + 1, 2**33, 5),
    "negative": (-5, 3, -(2**40)),
}


def three_slabs(labels, dtype="int64"):
    """Make a map of background and three labels, each two voxels thick."""
    array = np.zeros((8, 4, 4), dtype)
    for number, label in enumerate(labels):
        array[2 * number + 2 : 2 * number + 4] = label
    return array


@pytest.fixture(params=LARGE.values(), ids=LARGE.keys())
def large(request):
    return request.param


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_large_labels_of_arrays(large, dtype):
    array = three_slabs(large, dtype)
    labels = as_labels(array).array
    assert labels.dtype.kind == "i"
    np.testing.assert_array_equal(labels, three_slabs(large))


@pytest.mark.parametrize("dtype", ["float64", "int64"])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_large_labels_of_files(tmp_path, large, suffix, dtype):
    path = tmp_path / f"labels{suffix}"
    array = three_slabs(large, dtype)
    if suffix == ".nii.gz":
        nib.save(nib.Nifti1Image(array, np.eye(4), dtype=dtype), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(array.transpose()), str(path))
    np.testing.assert_array_equal(as_labels(path).array, three_slabs(large))
    assert LabelMap.read(path).labels() == set(large)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_large_labels_are_written(tmp_path, large, suffix):
    path = tmp_path / f"labels{suffix}"
    array = three_slabs(large)
    Image.from_array(array).write(path)
    np.testing.assert_array_equal(as_labels(path).array, array)
    if suffix == ".nii.gz":
        np.testing.assert_array_equal(np.asarray(nib.load(path).dataobj), array)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).transpose()
    np.testing.assert_array_equal(theirs, array)


def test_small_labels_are_written_in_a_type_that_all_tools_read(tmp_path):
    Image.from_array(three_slabs((1, 2, 3))).write(tmp_path / "labels.nii")
    assert nib.load(tmp_path / "labels.nii").get_data_dtype() == "uint8"


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_large_labels_are_resampled(large, dtype):
    image = Image.from_array(three_slabs(large, dtype))
    shift = AffineTransform([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    warped = shift.apply(image, image.grid, "nearest").array
    expected = np.zeros_like(three_slabs(large))
    # Voxels outside are background.
    expected[:-1] = three_slabs(large)[1:]
    np.testing.assert_array_equal(warped, expected)
    wider = image.resample(image.grid.padded(2), interpolation="nearest", fill="border")
    assert wider.array[-1, 0, 0] == large[2]
    warped = LabelMap([image], channels=False).warp(shift, image.grid)
    assert warped.labels() == set(large)


def test_unsigned_labels_stay_unsigned():
    array = three_slabs((4026531840, 7, 9), "uint32")
    image = Image.from_array(array)
    result = image.resample(image.grid, interpolation="nearest").array
    assert result.dtype == "uint32"
    np.testing.assert_array_equal(result, array)


def test_labels_beyond_int64_are_refused():
    with pytest.raises(ValueError, match="`labels` .*64-bit integers.*1e\\+30"):
        as_labels(np.array([[0.0, 1e30]]))


def test_boxes_agree_with_the_voxels(large):
    found = LabelMap([Image.from_array(three_slabs(large))], channels=False)
    for number, label in enumerate(large):
        box = found.box(label)
        assert box == (slice(2 * number + 2, 2 * number + 4), slice(0, 4), slice(0, 4))
        assert found.mask(label, box).all()
        assert found.mask(label).sum() == 32
    assert found.box(1) is None


def test_memory_does_not_grow_with_the_largest_label():
    found = LabelMap([Image.from_array(three_slabs((50_000_000,)))], channels=False)
    tracemalloc.start()
    assert found.box(50_000_000)[0] == slice(2, 4)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.NII.GZ"])
def test_a_fourth_axis_of_length_one_is_no_channel(tmp_path, name):
    array = three_slabs((1, 2, 3), "uint8")
    nib.save(nib.Nifti1Image(array[..., None], np.eye(4)), tmp_path / name)
    found = LabelMap.read(tmp_path / name)
    assert not found.channels and found.labels() == {1, 2, 3}
    np.testing.assert_array_equal(found.images[0].array, array)


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.NII.GZ"])
def test_channels(tmp_path, name):
    array = three_slabs((1, 2, 3), "uint8")
    channels = np.stack([array == 1, array == 2, array == 9], axis=-1).astype("float64")
    affine = np.diag([-2.0, 2.0, 3.0, 1.0])
    nib.save(nib.Nifti1Image(channels, affine), tmp_path / name)
    found = LabelMap.read(tmp_path / name)
    assert found.channels and found.labels() == {0, 1}
    np.testing.assert_array_equal(found.mask(1), array == 2)
    assert found.box(1)[0] == slice(4, 6) and found.box(2) is None
    np.testing.assert_allclose(found.grid.affine, affine)


def test_units_of_channels(tmp_path):
    file = nib.Nifti1Image(np.ones((3, 4, 5, 2), "uint8"), np.diag([500, 500, 500, 1]))
    file.header.set_xyzt_units("micron")
    nib.save(file, tmp_path / "labels.nii")
    np.testing.assert_allclose(LabelMap.read(tmp_path / "labels.nii").grid.spacing, 0.5)


def test_several_labels_in_a_channel_are_refused(tmp_path):
    array = np.stack([three_slabs((1, 2, 3), "uint8")] * 2, axis=-1)
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "labels.nii")
    with pytest.raises(ValueError, match="must be binary.*0, 1, 2, 3.*labels.nii"):
        LabelMap.read(tmp_path / "labels.nii")
