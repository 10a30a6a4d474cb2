import keras
import numpy as np
import pytest

from kregzoo import ops
from kregzoo.registrars import SciPy
from kregzoo.registrars.optimizers import minimize

TARGET = np.array([[1.5, -2.0]], "float32")
OPTIMIZERS = {
    "Adam": (keras.optimizers.serialize(keras.optimizers.Adam(0.2)), 150),
    "SGD with momentum": (
        keras.optimizers.serialize(keras.optimizers.SGD(0.05, momentum=0.8)),
        100,
    ),
    "L-BFGS-B": (SciPy(), 30),
    "Powell": (SciPy("Powell"), 30),
    "Nelder-Mead": (SciPy("Nelder-Mead"), 200),
    "differential_evolution": (
        SciPy("differential_evolution", bound=4.0, options={"seed": 0}),
        60,
    ),
}


@ops.compiled
def bowl(parameters):
    """A badly scaled bowl about `TARGET`."""

    def value(p):
        scaled = keras.ops.subtract(p, TARGET) * keras.ops.array([1.0, 3.0])
        return keras.ops.sum(scaled * scaled)

    result, gradients = ops.value_and_grad(value, [parameters])
    return result, gradients[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_finds_the_minimum(name):
    optimizer, steps = OPTIMIZERS[name]
    calls = []
    start = np.zeros((1, 2), "float32")
    found = minimize(bowl, start, optimizer, steps, lambda: calls.append(1))
    assert found.shape == (1, 2) and found.dtype == "float32"
    np.testing.assert_allclose(found, TARGET, atol=0.05)
    assert 0 < len(calls) <= steps


def test_keras_optimizers_start_anew_each_time():
    config = keras.optimizers.serialize(keras.optimizers.Adam(0.1))
    start = np.zeros((1, 2), "float32")
    first, second = (minimize(bowl, start, config, 5, lambda: None) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_options_reach_scipy():
    start = np.zeros((1, 2), "float32")
    optimizer = SciPy("Nelder-Mead", options={"maxfev": 4})
    found = minimize(bowl, start, optimizer, 200, lambda: None)
    assert np.abs(found - TARGET).max() > 1.0


def test_evolution_stays_within_its_bound():
    start = np.full((1, 2), -3.0, "float32")
    optimizer = SciPy("differential_evolution", bound=2.0, options={"seed": 0})
    found = minimize(bowl, start, optimizer, 20, lambda: None)
    np.testing.assert_allclose(found, [[-1.0, -2.0]], atol=0.05)


def coarse_bowl(parameters):
    """A bowl whose values are rounded, as those of float32 are near one."""
    value, gradient = bowl(parameters)
    return keras.ops.round(value), gradient


def test_polish_finds_what_rounded_values_hide():
    start = np.array([[1.2, -1.8]], "float32")
    plain, polished = (
        minimize(coarse_bowl, start, SciPy(polish=most), 30, lambda: None)
        for most in (0, 20)
    )
    assert np.abs(plain - TARGET).max() > 0.1
    np.testing.assert_allclose(polished, TARGET, atol=1e-4)


def test_polish_goes_nowhere_worse():
    def misled(parameters):
        """The bowl's values, and gradients that vanish far from its bottom."""
        value, _ = bowl(parameters)
        return value, keras.ops.subtract(parameters, TARGET + 10.0)

    start = np.array([[1.2, -1.8]], "float32")
    found = minimize(misled, start, SciPy(polish=20), 30, lambda: None)
    np.testing.assert_allclose(found, TARGET, atol=1.0)


def test_polish_asks_for_gradients():
    with pytest.raises(ValueError, match="Powell"):
        SciPy("Powell", polish=20)
