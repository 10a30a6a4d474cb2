import gzip

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.spatial import AffineTransform, Image, as_image

VOXELS = np.random.default_rng(0).integers(0, 1000, (6, 7, 5)).astype("int16")
SFORM = np.array(
    [
        [-1.2, 0.1, 0.0, 30.0],
        [0.1, 1.3, 0.2, -20.0],
        [0.0, -0.2, 2.5, 5.0],
        [0, 0, 0, 1],
    ]
)
QFORM = np.array(
    [[0.0, -1.5, 0.0, 11.0], [1.2, 0.0, 0.0, -7.0], [0.0, 0.0, 2.0, 3.0], [0, 0, 0, 1]]
)
UNITS = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}


def nifti(unit="mm", affine=SFORM, voxels=VOXELS):
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units(unit)
    return image


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("unit", UNITS)
def test_lengths_of_a_nifti_become_millimeters(tmp_path, unit, in_memory):
    image = nifti(unit)
    image.to_filename(tmp_path / "image.nii.gz")
    read = as_image(image if in_memory else tmp_path / "image.nii.gz")
    expected = SFORM * [[UNITS[unit]], [UNITS[unit]], [UNITS[unit]], [1]]
    np.testing.assert_allclose(read.grid.affine, expected, rtol=1e-6)


@pytest.mark.parametrize("unit", UNITS)
def test_itk_sees_the_same_lengths(tmp_path, unit):
    affine = np.diag([-0.02, 0.03, 0.05, 1.0])
    affine[:3, 3] = (1.0, -2.0, 3.0)
    nifti(unit, affine).to_filename(tmp_path / "image.nii")
    index = (4, 3, 2)
    point = sitk.ReadImage(str(tmp_path / "image.nii")).TransformIndexToPhysicalPoint(
        index
    )
    expected = Image.read(tmp_path / "image.nii").grid.voxel_to_world(index)
    np.testing.assert_allclose(np.array(point) * [-1, -1, 1], expected, rtol=1e-4)


def test_an_unknown_code_of_length_counts_as_millimeters(tmp_path):
    image = nifti()
    image.header["xyzt_units"] = 5
    image.to_filename(tmp_path / "image.nii")
    np.testing.assert_allclose(Image.read(tmp_path / "image.nii").grid.affine, SFORM)


def test_a_written_transform_fits_the_raw_file_in_microns(tmp_path):
    voxels = np.random.default_rng(0).random((10, 12, 14)).astype("float32")
    nifti("micron", np.diag([-25.0, 25, 25, 1]), voxels).to_filename(
        tmp_path / "image.nii.gz"
    )
    image = Image.read(tmp_path / "image.nii.gz")
    matrix = np.eye(4)
    matrix[:3, 3] = (0.05, -0.025, 0.075)
    transform = AffineTransform(matrix)
    transform.save(tmp_path / "transform.h5")
    raw = sitk.ReadImage(str(tmp_path / "image.nii.gz"))
    warped = sitk.Resample(
        raw, raw, sitk.ReadTransform(str(tmp_path / "transform.h5")), sitk.sitkLinear
    )
    warped = sitk.GetArrayFromImage(warped).transpose()
    expected = transform.apply(image, image.grid, fill="zeros").array
    assert warped.any()
    inside = (slice(3, -3),) * 3
    np.testing.assert_allclose(warped[inside], expected[inside], atol=1e-3)
    transform.apply(image, image.grid).write(tmp_path / "warped.nii.gz")
    header = nib.load(tmp_path / "warped.nii.gz").header
    assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_zooms(), 0.025, rtol=1e-6)


@pytest.mark.parametrize("codes", [(1, 1), (1, 2), (2, 1), (0, 1), (1, 0), (0, 0)])
@pytest.mark.parametrize("suffix", [".hdr", ".img", ".hdr.gz", ".img.gz", ".IMG"])
def test_a_pair_of_files_reads_as_nibabel_reads_it(tmp_path, suffix, codes):
    pair = nib.Nifti1Pair(VOXELS, None)
    pair.header.set_slope_inter(0.5, 10.0)
    pair.set_qform(QFORM, codes[0])
    pair.set_sform(SFORM, codes[1])
    path = tmp_path / f"image{suffix}"
    nib.save(pair, path)
    read, expected = Image.read(path), nib.load(path)
    np.testing.assert_array_equal(read.array, expected.get_fdata())
    np.testing.assert_allclose(read.grid.affine, expected.affine, atol=1e-6)


@pytest.mark.parametrize("suffix", [".hdr", ".img"])
@pytest.mark.parametrize(
    "kind", [nib.AnalyzeImage, nib.Spm99AnalyzeImage, nib.Spm2AnalyzeImage]
)
def test_analyze_reads_as_nibabel_reads_it(tmp_path, kind, suffix):
    affine = np.diag([-1.2, 1.3, 2.5, 1]) if kind is nib.AnalyzeImage else SFORM
    nib.save(kind(VOXELS, affine), tmp_path / "image.img")
    read = Image.read(tmp_path / f"image{suffix}")
    np.testing.assert_array_equal(read.array, VOXELS)
    expected = nib.load(tmp_path / "image.img").affine
    np.testing.assert_allclose(read.grid.affine, expected, atol=1e-5)


@pytest.mark.parametrize("lost", ["half", "checksum", "header"])
def test_a_damaged_pair_is_refused(tmp_path, lost):
    nib.save(nib.Nifti1Pair(VOXELS, SFORM), tmp_path / "image.img.gz")
    path = tmp_path / "image.img.gz"
    content = path.read_bytes()
    if lost == "header":
        (tmp_path / "image.hdr.gz").unlink()
    elif lost == "half":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:-8] + bytes(8))
    with pytest.raises(ValueError, match="could not be read"):
        Image.read(path)


COLORS = np.random.default_rng(1).integers(0, 256, (6, 8, 3)).astype("uint8")


@pytest.fixture(params=["png", "mha", "nii", "nii 4-D"])
def color_file(request, tmp_path):
    """Write a color image, and return it as an array with the channels last."""
    path = tmp_path / f"image.{request.param.split()[0]}"
    if request.param == "nii":
        volume = np.stack([COLORS] * 2, axis=2)
        records = volume.copy().view([(name, "u1") for name in "RGB"])[..., 0]
        nib.Nifti1Image(records, np.eye(4)).to_filename(path)
        return path, volume
    if request.param == "nii 4-D":
        volume = np.stack([COLORS] * 2, axis=2)
        nib.Nifti1Image(volume, np.eye(4)).to_filename(path)
        return path, volume
    sitk.WriteImage(sitk.GetImageFromArray(COLORS, isVector=True), str(path))
    return path, COLORS


@pytest.mark.parametrize("channel", [0, 1, -1])
def test_one_channel_of_a_color_image(color_file, channel):
    path, array = color_file
    np.testing.assert_array_equal(
        as_image(path, channel=channel).array, array[..., channel]
    )


def test_the_luminance_of_a_color_image(color_file):
    path, array = color_file
    expected = 0.299 * array[..., 0] + 0.587 * array[..., 1] + 0.114 * array[..., 2]
    np.testing.assert_allclose(Image.read(path, channel="gray").array, expected, 1e-5)


@pytest.mark.parametrize("channel", [3, -4, "green", 0.5, True])
def test_there_must_be_such_a_channel(tmp_path, channel):
    path = tmp_path / "image.png"
    sitk.WriteImage(sitk.GetImageFromArray(COLORS, isVector=True), str(path))
    with pytest.raises(ValueError, match="`channel` must be"):
        Image.read(path, channel=channel)


def test_an_image_of_one_channel_needs_no_choice(tmp_path):
    Image.from_array(COLORS[..., 0]).write(tmp_path / "image.png")
    for channel in (None, "gray", 2):
        read = Image.read(tmp_path / "image.png", channel=channel)
        np.testing.assert_array_equal(read.array, COLORS[..., 0])


def test_channels_of_arrays():
    alpha = np.concatenate([COLORS, np.full((6, 8, 1), 9, "uint8")], axis=-1)
    gray = as_image(COLORS, channel="gray").array
    np.testing.assert_array_equal(as_image(alpha, channel="gray").array, gray)
    np.testing.assert_array_equal(
        as_image(alpha[..., 2:], channel="gray").array, COLORS[..., 2]
    )
    np.testing.assert_array_equal(as_image(COLORS, channel=1).array, COLORS[..., 1])
    five = nib.Nifti1Image(np.stack([VOXELS] * 5, axis=-1), np.eye(4))
    np.testing.assert_array_equal(as_image(five, channel=4).array, VOXELS)
    with pytest.raises(ValueError, match="`channel` must be"):
        as_image(five, channel="gray")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_a_picture_of_unknown_spacing_is_in_pixels(tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    Image.from_array(COLORS[..., 0]).write(path)
    assert Image.read(path).unit == "pixel"
    assert Image.read(path, spacing=0.5).unit == "mm"


def test_images_with_a_spacing_are_in_millimeters(tmp_path):
    picture = sitk.GetImageFromArray(COLORS[..., 0])
    picture.SetSpacing((0.5, 0.5))
    sitk.WriteImage(picture, str(tmp_path / "image.tif"))
    assert Image.read(tmp_path / "image.tif").unit == "mm"
    sitk.WriteImage(sitk.GetImageFromArray(COLORS[..., 0]), str(tmp_path / "i.mha"))
    assert Image.read(tmp_path / "i.mha").unit == "mm"


def test_a_gzip_without_voxels_is_refused(tmp_path):
    (tmp_path / "image.nii.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(ValueError, match="could not be read"):
        Image.read(tmp_path / "image.nii.gz")
