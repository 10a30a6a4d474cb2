import keras
import numpy as np
import pytest

from kregzoo.layers import AffineTransformer
from kregzoo.spatial import Grid, Image, LabelMap
from kregzoo.training import PairDataset, Pose
from tests.helpers import assert_close
from tests.phantoms import Phantom, rotated_grid, world_points

SHAPE = {2: (24, 20), 3: (16, 12, 14)}


POSE = Pose(rotation=10.0, scale=0.1, shift=2.0, flip=True)


def affine(ndim, degrees, shift):
    """A homogeneous matrix: the affine of an oblique grid is one."""
    return rotated_grid((1,) * ndim, 1.0, degrees, np.full(ndim, shift)).affine


def scanned(ndim, count=3):
    """One phantom in several worlds, and the affines from the common world to each."""
    phantom = Phantom(ndim, radius=20.0)
    images, transforms = [], []
    for number in range(count):
        matrix = affine(ndim, 7.0 * number, 3.0 * number)
        inverse = np.linalg.inv(matrix)
        center = np.full(ndim, 3.0 * number)
        # 1 mm voxels, so that linear interpolation hardly changes the image.
        grid = rotated_grid((72 + number,) * ndim, 1.0, 20.0 * number, center)
        images.append(
            phantom.image(grid, lambda p, m=inverse: p @ m[:-1, :-1].T + m[:-1, -1])
        )
        transforms.append(matrix)
    return phantom, images, transforms


class HostPairs(PairDataset):
    """Items as NumPy arrays."""

    def draw(self, rng, index):
        item = super().draw(rng, index)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, item)


def dataset(ndim, **options):
    phantom, images, transforms = scanned(ndim)
    grid = Grid.centered(SHAPE[ndim], 3.0)
    return phantom, HostPairs(images, transforms, grid, **options)


def test_items_depend_on_seed_epoch_and_index_alone():
    _, pairs = dataset(2, augmentation=POSE, seed=3, steps_per_epoch=5)
    assert len(pairs) == 5
    first = pairs[2][0]
    pairs.on_epoch_end()
    assert pairs.epoch == 1
    later = pairs[2][0]
    _, again = dataset(2, augmentation=POSE, seed=3)
    again.epoch = 1
    for name in ("moving", "fixed"):
        assert first[name].shape == (1, *SHAPE[2], 1)
        assert first[name].dtype == "float32"
        np.testing.assert_array_equal(again[2][0][name], later[name])
        assert not np.array_equal(first[name], later[name])
        assert not np.array_equal(pairs[3][0][name], later[name])
    _, other = dataset(2, augmentation=POSE, seed=4)
    other.epoch = 1
    assert not np.array_equal(other[2][0]["fixed"], later["fixed"])


@pytest.mark.parametrize("ndim", [2, 3])
def test_images_are_resampled_where_their_affines_and_the_pose_say(ndim):
    phantom, pairs = dataset(ndim, augmentation=POSE, batch_size=2, seed=1)
    item = pairs[0][0]
    # What the dataset draws, drawn again: a pair, then a pose, for each of the batch.
    rng = np.random.default_rng((1, 0, 0))
    for number in range(2):
        rng.integers(len(pairs.pairs))
        pose = POSE.draw(rng, pairs.grid.center)
        points = world_points(pairs.grid) @ pose[:-1, :-1].T + pose[:-1, -1]
        expected = phantom(points).reshape(SHAPE[ndim])
        for name in ("moving", "fixed"):
            assert_close(item[name][number, ..., 0], expected, atol=0.04)


def test_pairs_are_all_ordered_ones_or_those_given():
    _, pairs = dataset(2)
    assert sorted(pairs.pairs) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    _, given = dataset(2, pairs=[(2, 0)])
    given.images[:2] = [0.0 * image for image in given.images[:2]]
    moving, fixed = (np.array(given[0][0][name]) for name in ("moving", "fixed"))
    assert moving.max() > 0.1 and fixed.max() == 0.0


@pytest.mark.parametrize("ndim", [2, 3])
def test_labels_come_one_hot_with_their_images(ndim):
    phantom, images, transforms = scanned(ndim)
    bounds = (0.3, 0.8, 1.3)
    maps = [
        Image(np.digitize(image.array, bounds).astype("int16"), image.grid)
        for image in images
    ]
    # What one image alone has cannot be compared.
    maps[0].array[0] = 9
    maps = [LabelMap([found], channels=False) for found in maps]
    grid = Grid.centered(SHAPE[ndim], 3.0)
    pairs = HostPairs(images, transforms, grid, augmentation=POSE, labels=maps, seed=1)
    assert pairs.labels == [{1, 2, 3}] * 3
    inputs, targets = pairs[0]
    assert set(targets) == {"moving_labels", "fixed_labels"}
    for role in ("moving", "fixed"):
        hot = targets[f"{role}_labels"][0]
        assert hot.shape == (*SHAPE[ndim], 3) and hot.dtype == "uint8"
        assert set(np.unique(hot)) == {0, 1}
        # The same labels of both images, in an order drawn for each item.
        image = inputs[role][0, ..., 0]
        means = np.array([image[hot[..., channel] == 1].mean() for channel in range(3)])
        order = np.argsort(np.argsort(means))
        expected = np.digitize(image, bounds)[..., None] == 1 + order
        assert np.mean(hot != expected) < 0.05


def test_of_structures_in_channels_one_that_both_images_have_is_drawn():
    _, images, transforms = scanned(2)
    bounds = (0.0, 0.3, 0.8)
    channels = [
        [Image((i.array > bound).astype("uint8"), i.grid) for bound in bounds]
        for i in images
    ]
    channels[1][1].array[:] = 0
    maps = [LabelMap(found, channels=True) for found in channels]
    grid = Grid.centered(SHAPE[2], 3.0)
    pairs = HostPairs(
        images, transforms, grid, [(0, 1)], labels=maps, steps_per_epoch=90
    )
    drawn = []
    for inputs, targets in pairs:
        masks = [targets[f"{role}_labels"] for role in ("moving", "fixed")]
        assert all(mask.shape == (1, *SHAPE[2], 1) for mask in masks)
        sizes = [
            np.abs((inputs["moving"] > b).mean() - masks[0].mean()) for b in bounds
        ]
        drawn.append(int(np.argmin(sizes)))
        assert masks[1].any()
    # Never what the fixed image lacks, and the first one twice as often.
    assert set(drawn) == {0, 2}
    assert 1.2 < drawn.count(0) / drawn.count(2) < 3.5


def test_the_moving_image_may_have_a_pose_of_its_own():
    _, pairs = dataset(2, pairs=[(1, 1)], moving_augmentation=Pose(shift=6.0), seed=3)
    _, same = dataset(2, pairs=[(1, 1)])
    inputs, still = pairs[0][0], same[0][0]
    assert_close(inputs["fixed"], still["fixed"])
    assert np.abs(inputs["moving"] - still["moving"]).max() > 0.2


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_affine_to_find_takes_the_fixed_image_to_the_moving_one(ndim):
    motion = Pose(rotation=10.0, scale=0.1, shift=4.0, shear=0.1)
    _, pairs = dataset(
        ndim, augmentation=POSE, moving_augmentation=motion, affine_target=True
    )
    assert pairs.pairs == [(0, 0), (1, 1), (2, 2)]
    inputs, targets = pairs[0]
    assert targets["affine"].shape == (1, ndim, ndim + 1)
    warped = AffineTransformer(fill="zeros")([inputs["moving"], targets["affine"]])
    inner = (0, *[slice(3, -3)] * ndim, 0)
    errors = np.abs(np.array(warped)[inner] - inputs["fixed"][inner])
    before = np.abs(inputs["moving"][inner] - inputs["fixed"][inner])
    assert errors.mean() < 0.25 * before.mean()
