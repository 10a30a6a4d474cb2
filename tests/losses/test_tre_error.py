import numpy as np
import pytest
from scipy import integrate
from scipy.spatial.transform import Rotation

from kregzoo.losses import TREError
from tests.helpers import assert_close, assert_gradient


def call(affine, found, radius=10.0):
    values = TREError(radius)(np.float32(affine)[None], np.float32([[found]]))
    return float(values)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_shift_is_off_by_its_length(ndim):
    affine = np.eye(ndim, ndim + 1)
    affine[:2, -1] = 3.0, 4.0
    assert_close(call(affine, 5.0), 0.0)
    assert_close(call(affine, 2.0), 9.0)


def test_a_turn_moves_the_sphere_by_its_mean_chord():
    turn = Rotation.from_euler("z", 30.0, degrees=True).as_matrix()
    affine = np.concatenate([turn, np.zeros((3, 1))], axis=1)
    chord = 2 * np.sin(np.deg2rad(15.0)) * 10.0
    # The mean distance from the axis over a sphere of radius 1.
    arm, _ = integrate.quad(lambda h: np.sqrt(1 - h**2) / 2, -1, 1)
    assert_close(call(affine, chord * arm), 0.0, atol=1e-3)


def test_serializes_and_has_a_gradient():
    loss = TREError(radius=7.0)
    assert TREError.from_config(loss.get_config()).radius == 7.0
    affine = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    found = np.ones((2, 1), "float32")
    assert_gradient(lambda x: loss.call(affine, x), found)
    assert loss.call(affine, found).shape == (2,)


def test_bad_radius_is_refused():
    with pytest.raises(ValueError, match="`radius` must be positive"):
        TREError(radius=0.0)
