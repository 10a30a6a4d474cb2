import numpy as np
import pytest

from kregzoo.layers import RigidMatrix
from tests.helpers import assert_close, run_layer_test


@pytest.mark.parametrize("ndim", [2, 3])
def test_is_a_rotation_and_a_translation(ndim, tmp_path):
    count = ndim + ndim * (ndim - 1) // 2
    parameters = np.random.default_rng(0).normal(size=(2, count)).astype("float32")
    shape = (2, ndim, ndim + 1)
    matrices = run_layer_test(RigidMatrix, {}, parameters, shape, tmp_path)
    for matrix, values in zip(matrices, parameters, strict=True):
        assert_close(matrix[:, :-1] @ matrix[:, :-1].T, np.eye(ndim))
        assert_close(matrix[:, -1], values[:ndim])
        assert np.linalg.det(matrix[:, :-1]) > 0
