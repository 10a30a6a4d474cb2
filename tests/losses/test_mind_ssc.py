import itertools

import numpy as np
import pytest

from kregzoo.losses import MINDSSC
from kregzoo.losses.mind_ssc import mind_ssc
from tests.helpers import assert_close, random_image, run_loss_test, run_mask_test


@pytest.mark.parametrize(("shape", "pairs"), [((14, 13), 4), ((11, 12, 10), 12)])
def test_describes_a_voxel_by_its_neighbors_patches(shape, pairs):
    image = random_image((1, *shape, 1), sigma=0.5)
    descriptor = np.array(mind_ssc(image, radius=1, dilation=2))
    assert descriptor.shape == (1, *shape, 1, pairs)
    voxel = np.array(shape) // 2

    def patch(offset):
        start = voxel + offset - 1
        window = tuple(slice(s, s + 3) for s in start)
        return image[0][window].astype("float64")

    steps = 2 * np.eye(len(shape), dtype=int)
    neighbors = [sign * step for step in steps for sign in (-1, 1)]
    distances = [
        np.sum((patch(one) - patch(other)) ** 2)
        for one, other in itertools.combinations(neighbors, 2)
        if one @ other == 0  # those sqrt(2) apart, not those across the voxel
    ]
    distances = np.array(distances) - min(distances)
    expected = np.exp(-distances / distances.mean())
    assert_close(np.sort(descriptor[(0, *voxel, 0)]), np.sort(expected), rtol=1e-3)


@pytest.mark.parametrize("shape", [(12, 11), (9, 10, 8)])
def test_loss(shape):
    # A short step over rough images, lest another distance become the smallest.
    fixed, warped = random_image((2, 2, *shape, 1), sigma=0.0)
    kwargs = {"radius": 1, "dilation": 1}
    values = run_loss_test(MINDSSC, kwargs, fixed, warped, step=5e-4, tolerance=0.05)
    assert ((values > 0) & (values < 1)).all()
    assert_close(run_mask_test(MINDSSC(**kwargs), fixed, warped), values)


def test_does_not_change_with_the_contrast():
    fixed, warped = random_image((2, 1, 16, 16, 1), sigma=0.5)
    loss = MINDSSC()
    expected = np.array(loss(fixed, warped))
    for changed in (0.3 * warped + 0.5, 1.0 - warped, 40.0 * warped):
        assert_close(loss(fixed, changed), expected, rtol=5e-3)
    assert_close(loss(fixed, 1.0 - fixed), 0.0, atol=1e-4)


def test_flat_images_are_alike():
    flat = np.full((1, 10, 10, 1), 0.5, "float32")
    assert_close(MINDSSC()(flat, flat + 0.25), 0.0)


@pytest.mark.parametrize("argument", [{"radius": -1}, {"dilation": 0}])
def test_rejects_impossible_arguments(argument):
    with pytest.raises(ValueError, match="`radius` must be at least 0 and `dilation`"):
        MINDSSC(**argument)
