import keras
import numpy as np
import pytest

from kregzoo.layers import RescaleTransform
from tests.helpers import assert_close, assert_gradient, random_field, run_layer_test


@pytest.mark.parametrize("factor", [2, 0.5])
@pytest.mark.parametrize("shape", [(8, 12), (8, 6, 10)])
def test_the_motion_stays_the_same_fraction_of_the_image(factor, shape, tmp_path):
    # A field that is linear in the position x within the field of view, in [0, 1].
    def linear(shape):
        axes = [(np.arange(n) + 0.5) / n for n in shape]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return (0.1 + 0.2 * points)[None] * np.array(shape)

    field = linear(shape).astype("float32")
    resized = tuple(int(n * factor) for n in shape)
    output_shape = (1, *resized, len(shape))
    output = run_layer_test(
        RescaleTransform, {"factor": factor}, field, output_shape, tmp_path
    )
    inner = (0, *[slice(1, -1)] * len(shape))
    assert_close(output[inner], linear(resized)[inner], atol=1e-4)


def test_gradient():
    assert_gradient(RescaleTransform(2), random_field(1, (5, 6)))


def test_unknown_sizes():
    output = RescaleTransform(0.5)(keras.Input((None, 7, None, 3)))
    assert output.shape == (None, None, 4, None, 3)


def test_rejects_factors_that_are_not_positive():
    with pytest.raises(ValueError, match="`factor`.*Received: factor=0"):
        RescaleTransform(0)
