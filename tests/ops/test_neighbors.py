import numpy as np
import pytest
from keras import ops as kops

from kregzoo import ops
from kregzoo.ops import neighbors
from tests.helpers import assert_close


@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 6)])
def test_adjoint_of_a_warp_by_small_displacements(shape):
    rng = np.random.default_rng(0)
    image, upstream = rng.normal(size=(2, 2, *shape, 3)).astype("float32")
    field = rng.uniform(-1, 1, (2, *shape, len(shape))).astype("float32")
    coordinates = field + np.moveaxis(np.indices(shape), 0, -1).astype("float32")
    moves = neighbors.moves(kops.convert_to_tensor(coordinates), shape)
    assert all(np.abs(np.array(move)).max() <= 1.0 for move in moves)
    found = np.array(neighbors.gathered(kops.convert_to_tensor(upstream), moves))
    # Both sides of the definition of an adjoint.
    warped = np.array(ops.warp(image, field))
    assert_close((warped * upstream).sum(), (image * found).sum(), rtol=1e-4)


def test_moves_stay_in_the_image():
    coordinates = kops.convert_to_tensor([[[-3.0], [1.25], [9.0]]], "float32")
    (move,) = neighbors.moves(coordinates, (3,))
    assert_close(move, [[0.0, 0.25, 0.0]])
