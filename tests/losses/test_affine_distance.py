import itertools

import numpy as np
import pytest

from kregzoo.losses import AffineDistance
from tests.helpers import assert_close, run_loss_test


@pytest.mark.parametrize("ndim", [2, 3])
def test_is_the_distance_of_the_corners(ndim):
    rng = np.random.default_rng(0)
    true, pred = rng.normal(size=(2, 2, ndim, ndim + 1)).astype("float32")
    values = run_loss_test(AffineDistance, {"radius": 3.0}, true, pred)
    corners = np.array(list(itertools.product((-3.0, 3.0), repeat=ndim)))

    def moved(matrices):
        return np.einsum("bij,nj->bni", matrices[..., :-1], corners) + np.moveaxis(
            matrices[..., -1:], 1, 2
        )

    distances = np.square(moved(true) - moved(pred)).sum(-1).mean(-1)
    assert_close(values, distances)


def test_rejects_a_radius_that_is_not_positive():
    with pytest.raises(ValueError, match="`radius`.*Received: radius=0"):
        AffineDistance(0)
