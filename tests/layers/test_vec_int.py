import numpy as np
import pytest
from scipy import linalg

from kregzoo.layers import VecInt
from tests.helpers import assert_close, assert_gradient, random_field, run_layer_test


def test_a_linear_velocity_flows_by_the_matrix_exponential(tmp_path):
    shape = (25, 25)
    generator = np.array([[-0.2, -0.3], [0.3, -0.1]])
    points = np.moveaxis(np.indices(shape), 0, -1) - 12.0
    velocity = (points @ generator.T)[None].astype("float32")
    output = run_layer_test(VecInt, {"steps": 10}, velocity, velocity.shape, tmp_path)
    expected = points @ linalg.expm(generator).T - points
    inner = np.linalg.norm(points, axis=-1) < 10.0  # never leaves the grid
    assert_close(output[0][inner], expected[inner], atol=5e-3)


@pytest.mark.parametrize("shape", [(16, 14), (12, 10, 8)])
def test_the_negative_velocity_flows_back(shape):
    velocity = random_field(1, shape, amplitude=1.0, sigma=3.0)
    forward, backward = (np.array(VecInt()(v)) for v in (velocity, -velocity))
    assert np.abs(forward + backward).max() < 0.5
    assert_gradient(VecInt(steps=4), velocity)


def test_no_steps_return_the_velocity():
    velocity = random_field(2, (6, 5, 4))
    assert_close(VecInt(steps=0)(velocity), velocity)


def test_rejects_negative_steps():
    with pytest.raises(ValueError, match="`steps`.*Received: steps=-1"):
        VecInt(steps=-1)
