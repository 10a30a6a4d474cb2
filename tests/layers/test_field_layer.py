import keras
import numpy as np
import pytest

from kregzoo.layers.field_layer import FieldLayer


class Following(FieldLayer):
    """The index of the next voxel."""

    def call(self, index):
        return index + 1


@pytest.fixture(params=["mixed_bfloat16", "float16"])
def policy(request):
    """A global policy of 16 bits."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def test_indices_stay_exact_under_a_policy_of_half_precision(policy):
    found = Following()(np.array([3000.0], "float32"))
    assert float(found[0]) == 3001.0
    # Another layer rounds them, which is why these do not follow the policy.
    assert float(keras.layers.Identity()(np.array([3001.0]))[0]) != 3001.0


def test_a_dtype_of_its_own_is_taken(policy):
    layer = Following(dtype="bfloat16")
    assert layer.compute_dtype == "bfloat16"
    restored = Following.from_config(layer.get_config())
    assert restored.compute_dtype == "bfloat16"
