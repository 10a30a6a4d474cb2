import keras
import numpy as np
import pytest

from kregzoo.ops import voxel_weights


@pytest.mark.parametrize("weights", [None, 2.0, [1.0, 2.0], [[1.0], [2.0]]])
def test_weights_of_samples_are_none_of_voxels(weights):
    assert voxel_weights(weights, (2, 6, 5, 1)) is None
    assert voxel_weights(weights, None) is None


@pytest.mark.parametrize("shape", [(2, 6, 5), (2, 6, 5, 1)])
def test_weights_of_voxels_get_a_channel(shape):
    weights = np.random.default_rng(0).integers(0, 2, shape)
    found = keras.ops.convert_to_numpy(voxel_weights(weights, (None, 6, None, 3)))
    np.testing.assert_array_equal(found, weights.reshape(2, 6, 5, 1))
    assert found.dtype == "float32"


@pytest.mark.parametrize("shape", [(2, 5), (2, 5, 6), (2, 6, 5, 3), (2, 6, 5, 1, 1)])
def test_other_weights_are_refused(shape):
    with pytest.raises(ValueError, match=r"or one per voxel of \(6, 5\). Received: "):
        voxel_weights(np.ones(shape), (2, 6, 5, 3))
    with pytest.raises(ValueError, match="one weight per sample. Received: "):
        voxel_weights(np.ones(shape), None)
