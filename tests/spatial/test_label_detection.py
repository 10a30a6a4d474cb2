import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage, spatial

from kregzoo.spatial.label_detection import constant_share, looks_like_labels

SHAPE = (24, 26, 28)


def noise(scale=1.0, sigma=0.0):
    voxels = np.random.default_rng(0).normal(size=SHAPE)
    return scale * ndimage.gaussian_filter(voxels, sigma)


def regions():
    return np.digitize(noise(1.0, 3.0), [-0.05, 0.0, 0.05])


def landmarks():
    array = np.zeros(SHAPE)
    places = np.random.default_rng(0).integers(0, 20, (20, 3))
    array[tuple(places.T)] = np.arange(1, 21)
    return array


def thin_mask():
    """A sheet that is one voxel thick along the first axis."""
    array = np.zeros(SHAPE, bool)
    array[12] = True
    return array


def enlarged(factor):
    scan = (1000 * noise(1.0, 1.0)).astype("int16")
    return np.kron(scan, np.ones((factor,) * 3, int))


def ordered_blocks():
    """Blocks of which each touches the next, as vertebrae do."""
    return np.kron(np.arange(1, 25), np.ones((16, 16, 8), int))


def atlas():
    """Regions of many values, sampled coarsely."""
    seeds = np.random.default_rng(0).uniform(0, SHAPE, (100, 3))
    grid = np.moveaxis(np.indices(SHAPE), 0, -1)
    nearest = spatial.KDTree(seeds).query(grid)[1]
    return np.random.default_rng(1).permutation(1000)[nearest]


LABELS = {
    "bands along an axis": np.kron(np.arange(24), np.ones((300, 8), int)),
    "ordered blocks": ordered_blocks(),
    "an atlas": atlas(),
    "regions": regions(),
    "regions of floats": regions().astype("float32"),
    "large and negative": np.array([0, -5, 614454277, 2**40])[regions()],
    "a mask": regions() > 1,
    "a mask of 0 and 255": 255 * (regions() > 1),
    "a thin mask": thin_mask(),
    "a full mask": np.ones(SHAPE, "uint8"),
    "landmarks": landmarks(),
    "a plane": regions()[0],
    "one slice": regions()[:1],
}
IMAGES = {
    "a scan enlarged by 2": enlarged(2),
    "a scan enlarged by 3": enlarged(3),
    "a smooth image of few values": np.round(60 * noise(1.0, 3.0)).astype("int16"),
    "noise": noise(),
    "a scan of integers": (1000 * noise(1.0, 1.0)).astype("int16"),
    "a scan of bytes": (255 * np.clip(noise(2.0, 1.0) + 0.5, 0, 1)).astype("uint8"),
    "a scan with empty background": np.where(regions() > 1, np.round(noise(200)), 0),
    "a coordinate": np.indices(SHAPE)[1],
    "a probability": np.clip(noise(5.0, 3.0), 0, 1),
    "a faint probability": np.where(landmarks() > 0, 0.5, 0),
    "a constant": np.full(SHAPE, 0.5),
}


@pytest.mark.parametrize("array", LABELS.values(), ids=LABELS)
def test_labels(array):
    assert looks_like_labels(array)


@pytest.mark.parametrize("array", IMAGES.values(), ids=IMAGES)
def test_images(array):
    assert not looks_like_labels(array)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_share_is_that_of_all_pairs_of_neighbors(axis):
    array = regions()
    first, second = np.moveaxis(array, axis, 0)[:-1], np.moveaxis(array, axis, 0)[1:]
    inside = first != np.bincount(array.ravel()).argmax()
    expected = np.mean((first == second)[inside])
    assert constant_share(array, axis) == pytest.approx(expected)
    assert constant_share(array + 0.5, axis) == 0.0


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "pattern", "expected"),
    [
        ("brain_t1", "labels/*.nii.gz", True),
        ("brain_t1", "images/*.nii.gz", False),
        ("hippocampus_mr", "labels/*.nii.gz", True),
        ("hippocampus_mr", "images/*.nii.gz", False),
    ],
)
def test_real_files(data_root, folder, pattern, expected):
    paths = sorted((data_root / folder).glob(pattern))[::30][:3]
    assert paths
    for path in paths:
        array = np.asarray(nib.load(path).dataobj)
        assert looks_like_labels(array) == expected, path.name
