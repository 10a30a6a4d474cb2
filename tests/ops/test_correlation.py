import itertools

import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from kregzoo.ops.correlation import correlation

rng = np.random.default_rng(0)


@pytest.mark.parametrize("spatial, reach, stride", [((5, 6), 4, 2), ((3, 4, 5), 1, 1)])
def test_each_voxel_is_compared_with_each_displaced_voxel(spatial, reach, stride):
    fixed, moving = rng.normal(size=(2, 2, *spatial, 3)).astype("float32")
    cost = to_numpy(correlation(fixed, moving, reach, stride))
    steps = range(-reach, reach + 1, stride)
    displacements = list(itertools.product(steps, repeat=len(spatial)))
    expected = np.zeros((2, *spatial, len(displacements)))
    for voxel in np.ndindex(spatial):
        for channel, displacement in enumerate(displacements):
            other = np.add(voxel, displacement)
            if (other >= 0).all() and (other < spatial).all():
                products = fixed[:, *voxel] * moving[:, *other]
                expected[:, *voxel, channel] = products.mean(axis=-1)
    np.testing.assert_allclose(cost, expected, atol=1e-5)


def test_a_shift_is_found():
    fixed = rng.normal(size=(1, 12, 12, 16)).astype("float32")
    moving = np.roll(fixed, (1, -2), axis=(1, 2))
    best = to_numpy(correlation(fixed, moving, 2)).argmax(axis=-1)
    index = 5 * (1 + 2) + (-2 + 2)
    assert (best[0, 3:-3, 3:-3] == index).all()


@pytest.mark.parametrize("reach, stride", [(3, 2), (-1, 1), (2, 0)])
def test_a_stride_must_divide_the_reach(reach, stride):
    with pytest.raises(ValueError, match="multiple of `stride`"):
        correlation(np.ones((1, 4, 4, 1)), np.ones((1, 4, 4, 1)), reach, stride)
