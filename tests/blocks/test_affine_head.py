import keras
import numpy as np
import pytest

from kregzoo.blocks import affine_head
from tests.helpers import assert_close


@pytest.mark.parametrize(
    ("spatial", "unit"), [((8, 16), 0.5), ((8, 12, 20), [1, 2, 3])]
)
def test_an_output_of_one_moves_the_faces_by_the_unit(spatial, unit):
    ndim = len(spatial)
    features = keras.Input((4,))
    model = keras.Model(features, affine_head(features, spatial, unit))
    x = np.ones((1, 4))
    identity = np.eye(ndim, ndim + 1)
    assert_close(model.predict_on_batch(x)[0], identity)
    model.get_layer("offsets").bias.assign(np.ones(ndim * (ndim + 1)))
    matrix = model.predict_on_batch(x)[0] - identity
    moved = np.broadcast_to(unit, (ndim,))
    for axis, size in enumerate(spatial):
        face = np.zeros(ndim)
        face[axis] = size / 2
        assert_close(matrix[:, :-1] @ face, moved)
    assert_close(matrix[:, -1], moved)
