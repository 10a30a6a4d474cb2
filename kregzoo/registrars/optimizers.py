"""Minimisation of an objective by a Keras or a SciPy optimiser."""

import dataclasses

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class SciPy:
    """A SciPy optimiser for `IterativeRegistrar`.

    Args:
        method: a method of `scipy.optimize.minimize`, such as `"L-BFGS-B"` or
            `"Powell"`, or `"differential_evolution"`.
        bound: float. Half width in voxels of the box that differential evolution
            searches in, about the start.
        options: dict of the method's own options.

    Example:
        >>> SciPy("Powell", options={"xtol": 0.01})
        SciPy(method='Powell', bound=10.0, options={'xtol': 0.01})
    """

    method: str = "L-BFGS-B"
    bound: float = 10.0
    options: dict = dataclasses.field(default_factory=dict)

    @property
    def gradient_free(self):
        """Whether the method reads values alone."""
        return self.method in GRADIENT_FREE


GRADIENT_FREE = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA", "differential_evolution")


def minimise(objective, start, optimizer, steps, on_step):
    """Minimise an objective.

    Args:
        objective: callable `objective(parameters) -> (value, gradient)` of one float32
            tensor; the gradient may be None for a method that reads none.
        start: float32 array, the first parameters.
        optimizer: a `SciPy`, or a Keras optimiser's config as `keras.optimizers
            .serialize` gives it, made anew so that no state is left of another pair.
        steps: int. Most iterations.
        on_step: callable without arguments, called once an iteration.

    Returns:
        Parameters, a float32 NumPy array shaped as `start`.
    """
    if isinstance(optimizer, SciPy):
        return _minimise_scipy(objective, start, optimizer, steps, on_step)
    return _minimise_keras(objective, start, optimizer, steps, on_step)


def _minimise_keras(objective, start, config, steps, on_step):
    optimizer = keras.optimizers.deserialize(config)
    variable = keras.Variable(start, dtype="float32", name="parameters")
    for _ in range(steps):
        _, gradient = objective(keras.ops.convert_to_tensor(variable))
        optimizer.apply([gradient], [variable])
        on_step()
    return keras.ops.convert_to_numpy(variable)


def _minimise_scipy(objective, start, optimizer, steps, on_step):
    from scipy import optimize

    shape = np.shape(start)

    def at(flat):
        return objective(keras.ops.convert_to_tensor(flat.reshape(shape), "float32"))

    def evaluate(flat):
        value, gradient = at(flat)
        return float(value), np.ravel(keras.ops.convert_to_numpy(gradient))

    def value_only(flat):
        return float(at(flat)[0])

    # SciPy's line searches need float64; float32 steps would end them early.
    flat = np.ravel(keras.ops.convert_to_numpy(start)).astype("float64")
    if optimizer.method == "differential_evolution":
        result = optimize.differential_evolution(
            value_only,
            [(x - optimizer.bound, x + optimizer.bound) for x in flat],
            maxiter=steps,
            x0=flat,
            callback=lambda *_: on_step(),
            **optimizer.options,
        )
    else:
        result = optimize.minimize(
            value_only if optimizer.gradient_free else evaluate,
            flat,
            jac=not optimizer.gradient_free,
            method=optimizer.method,
            options={"maxiter": steps, **optimizer.options},
            callback=lambda *_: on_step(),
        )
    return result.x.reshape(shape).astype("float32")
