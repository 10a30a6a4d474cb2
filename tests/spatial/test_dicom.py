import struct

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from kregzoo.spatial import Image

SPACING = (1.5, 1.2)
VOXELS = np.random.default_rng(0).integers(0, 500, (20, 16, 8)).astype("int16")
AXIAL = np.eye(3)
SAGITTAL = np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])
OBLIQUE = Rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_matrix()
# The tag (0028,1053) as in files, in little-endian bytes.
SLOPE = b"\x28\x00\x53\x10"
SERIES = "1.2.826.0.1.3680043.2.1125.1"


def stack(gaps, direction=AXIAL, lean=(0.0, 0.0)):
    """Return positions in LPS mm of slices, each shifted by `lean` mm to the next."""
    depths = np.cumsum([0.0, *gaps])
    indices = np.arange(len(depths))
    steps = np.stack([indices * lean[0], indices * lean[1], depths], axis=1)
    return np.array([-10.0, -20.0, 30.0]) + steps @ direction.T


def write(
    folder,
    positions,
    direction=AXIAL,
    series=SERIES,
    voxels=VOXELS,
    first=0,
):
    """Write one DICOM file per slice of `voxels` (X, Y, Z), in an arbitrary order."""
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    orientation = [*direction[:, 0], *direction[:, 1]]
    for index, position in enumerate(positions):
        part = sitk.GetImageFromArray(voxels[None, ..., index].transpose(0, 2, 1))
        part.SetSpacing((*SPACING, 3.0))
        part.SetOrigin(position.tolist())
        part.SetDirection(direction.ravel().tolist())
        tags = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"{series}.{first + index + 1}",
            "0008|0060": "CT",
            "0020|000d": "1.2.3.4",
            "0020|000e": series,
            "0020|0013": str(index + 1),
            "0020|0032": "\\".join(f"{value:.6f}" for value in position),
            "0020|0037": "\\".join(f"{value:.8f}" for value in orientation),
            "0028|1052": "-1024",
            "0028|1053": "1",
        }
        for tag, value in tags.items():
            part.SetMetaData(tag, value)
        number = first + (index * 5) % len(positions)
        writer.SetFileName(str(folder / f"{series}.{number}.dcm"))
        writer.Execute(part)
    return folder


def world(image, index):
    """Return the position of a voxel in LPS mm."""
    return image.grid.voxel_to_world(index) * [-1, -1, 1]


@pytest.mark.parametrize("direction", [AXIAL, SAGITTAL, OBLIQUE])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_regular_series(tmp_path, direction, reverse):
    positions = stack([5.0] * 7, direction)
    order = slice(None, None, -1 if reverse else 1)
    write(tmp_path, positions[order], direction, voxels=VOXELS[..., order])
    image = Image.read(tmp_path)
    np.testing.assert_array_equal(image.array, VOXELS)
    for index, position in enumerate(positions):
        np.testing.assert_allclose(world(image, (0, 0, index)), position, atol=1e-4)
    np.testing.assert_allclose(
        world(image, (1, 1, 0)), positions[0] + direction @ [*SPACING, 0], atol=1e-4
    )


def test_rounded_positions_are_a_regular_series(tmp_path):
    positions = np.round(stack([0.625] * 7), 2)
    image = Image.read(write(tmp_path, positions))
    for index, position in enumerate(positions):
        np.testing.assert_allclose(world(image, (0, 0, index)), position, atol=0.02)


@pytest.mark.parametrize("direction", [AXIAL, OBLIQUE])
@pytest.mark.parametrize("lean", [(0.0, 1.8), (0.0, -1.8), (-0.75, 0.31)])
def test_gantry_tilt_is_straightened(tmp_path, direction, lean):
    # Linear within each slice, which linear interpolation keeps.
    x, y, z = np.meshgrid(*map(np.arange, VOXELS.shape), indexing="ij")
    voxels = (10 * x + 20 * y + 50 * z).astype("int16")
    positions = stack([5.0] * 7, direction, lean)
    image = Image.read(write(tmp_path, positions, direction, voxels=voxels))
    np.testing.assert_allclose(
        image.grid.direction.T @ image.grid.direction, np.eye(3), atol=1e-6
    )
    np.testing.assert_allclose(image.grid.spacing, (*SPACING, 5.0), rtol=1e-5)
    for index in [(3, 4, 0), (9, 8, 3), (15, 12, 7)]:
        point = positions[index[2]] + direction @ [
            SPACING[0] * index[0],
            SPACING[1] * index[1],
            0,
        ]
        where = image.grid.world_to_voxel(point * [-1, -1, 1])
        found = ndimage.map_coordinates(
            image.array.astype("float64"), where[:, None], order=1, mode="nearest"
        )
        assert found == pytest.approx(voxels[index], abs=1)
    # No slice is cut.
    assert image.array.max() >= voxels[1:-1, 1:-1].max()


def test_empty_voxels_after_straightening_have_the_lowest_intensity(tmp_path):
    voxels = VOXELS - np.int16(1000)
    positions = stack([5.0] * 7, lean=(0.0, 1.2))
    image = Image.read(write(tmp_path, positions, voxels=voxels))
    assert image.grid.shape == (20, 23, 8)
    assert (image.array[:, -1, 0] == voxels.min()).all()
    np.testing.assert_array_equal(image.array[:, :16, 0], voxels[..., 0])
    np.testing.assert_array_equal(image.array[:, 7:, 7], voxels[..., 7])
    assert image.array.dtype.kind == "i"


def test_a_single_file_keeps_its_position(tmp_path):
    write(tmp_path, stack([5.0] * 7)[:1])
    image = Image.read(tmp_path)
    np.testing.assert_array_equal(image.array.squeeze(), VOXELS[..., 0])


def replace_tag(path, tag, content):
    """Write another value of a tag into a file of implicit value representation."""
    whole = path.read_bytes()
    start = whole.index(tag) + 4
    (length,) = struct.unpack_from("<I", whole, start)
    parts = [whole[:start], struct.pack("<I", len(content)), content]
    path.write_bytes(b"".join([*parts, whole[start + 4 + length :]]))


def test_slices_are_scaled_each_by_its_own_slope(tmp_path):
    write(tmp_path, stack([5.0] * 7))
    halved = [True] * 8
    for path in tmp_path.iterdir():
        index = round((float(sitk.ReadImage(str(path)).GetOrigin()[2]) - 30) / 5)
        halved[index] = index not in (0, 3)
        if halved[index]:
            replace_tag(path, SLOPE, b"0.25")
    expected = np.where(halved, 0.25 * (VOXELS + 1024.0) - 1024, VOXELS)
    np.testing.assert_allclose(Image.read(tmp_path).array, expected)


def missing(folder):
    return write(folder, stack([5.0, 5.0, 15.0, 5.0, 5.0]))


def missing_at_the_end(folder):
    return write(folder, stack([5.0] * 6 + [10.0]))


def uneven(folder):
    return write(folder, stack([3.0, 3.0, 3.0, 5.0, 5.0, 3.0, 3.0]))


def two_volumes(folder):
    positions = stack([5.0] * 3)
    return write(folder, np.concatenate([positions, positions]))


def two_volumes_of_two(folder):
    positions = stack([5.0])
    return write(folder, np.concatenate([positions, positions]))


def one_position(folder):
    return write(folder, stack([0.0, 0.0, 0.0]))


def localizer(folder):
    write(folder, stack([5.0] * 2))
    return write(folder, stack([5.0] * 2, SAGITTAL), SAGITTAL, first=3)


def slightly_turned(folder):
    turn = Rotation.from_euler("x", 3, degrees=True).as_matrix()
    write(folder, stack([5.0] * 2))
    return write(folder, stack([5.0] * 2)[1:] + [0, 0, 10.0], turn, first=3)


def two_shapes(folder):
    write(folder, stack([5.0] * 2))
    return write(folder, stack([5.0] * 2) + [0, 0, 15.0], voxels=VOXELS[:10], first=3)


def zigzag(folder):
    positions = stack([5.0] * 7)
    positions[::2, 1] += 6.0
    return write(folder, positions)


def without_position(folder):
    write(folder, stack([5.0] * 7))
    for path in folder.iterdir():
        # Another tag replaces that of the position.
        content = path.read_bytes()
        assert content.count(b"\x20\x00\x32\x00") == 1
        path.write_bytes(content.replace(b"\x20\x00\x32\x00", b"\x20\x00\x33\x00"))
    return folder


def two_series(folder):
    write(folder, stack([5.0] * 7))
    return write(folder, stack([5.0] * 7), series=SERIES + "2")


BROKEN = {
    missing: r"5 mm apart, but not at 1 of 5 places \(up to 15 mm\)",
    missing_at_the_end: r"not at 1 of 7 places \(up to 10 mm\)",
    uneven: "not at 2 of 7 places",
    two_volumes: "8 slices at 4 positions",
    two_volumes_of_two: "4 slices at 2 positions",
    one_position: "4 slices at 1 positions",
    localizer: "different orientations",
    slightly_turned: "different orientations",
    two_shapes: "numbers of pixels",
    zigzag: "do not lie on a line",
    without_position: "no position",
    two_series: "one DICOM series, but this one holds 2",
}


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_broken_geometry_is_refused_with_the_reason(tmp_path, make):
    folder = make(tmp_path / "series")
    with pytest.raises(ValueError, match=BROKEN[make]) as error:
        Image.read(folder)
    assert "damaged" not in str(error.value)
    assert "Received" in str(error.value)


def test_a_folder_without_a_series_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(
        ValueError, match="could not be read as an image.*no DICOM series"
    ):
        Image.read(tmp_path)
