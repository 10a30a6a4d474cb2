import itertools

import numpy as np
import pytest

from kregzoo.layers import CorrelationCost
from tests.helpers import assert_close, assert_gradient, run_layer_test


@pytest.mark.parametrize(
    ("shape", "reach", "stride"), [((6, 7), 2, 1), ((6, 7), 4, 2), ((4, 5, 3), 1, 1)]
)
def test_is_the_mean_product_with_each_displaced_voxel(shape, reach, stride, tmp_path):
    rng = np.random.default_rng(0)
    fixed, moving = rng.normal(size=(2, 2, *shape, 3)).astype("float32")
    offsets = range(-reach, reach + 1, stride)
    offsets = list(itertools.product(offsets, repeat=len(shape)))
    output = run_layer_test(
        CorrelationCost,
        {"max_displacement": reach, "stride": stride},
        [fixed, moving],
        (2, *shape, len(offsets)),
        tmp_path,
        mixed_dtype="bfloat16",
    )
    for k, offset in enumerate(offsets):
        for voxel in np.ndindex(shape):
            other = np.add(voxel, offset)
            expected = np.zeros(2)
            if (other >= 0).all() and (other < shape).all():
                one = fixed[(slice(None), *voxel)]
                expected = (one * moving[(slice(None), *other)]).mean(axis=-1)
            assert_close(output[(slice(None), *voxel, k)], expected)


def test_gradient():
    fixed, moving = np.random.default_rng(0).normal(size=(2, 1, 5, 4, 2))
    fixed, moving = fixed.astype("float32"), moving.astype("float32")
    layer = CorrelationCost(1)
    assert_gradient(lambda x: layer([x, moving]), fixed)
    assert_gradient(lambda x: layer([fixed, x]), moving)


@pytest.mark.parametrize(("reach", "stride"), [(-1, 1), (2, 0), (3, 2)])
def test_rejects_strides_that_miss_the_center(reach, stride):
    with pytest.raises(ValueError, match="`max_displacement` must be a multiple"):
        CorrelationCost(reach, stride)
