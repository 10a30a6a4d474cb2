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
        polish: int. About how many gradients may be read, after a method that reads
            them, to find where they vanish (`scipy.optimize.root`): more exact than
            float32 values, whose rounding ends a minimisation early. For the few
            parameters of a rigid or an affine transform; 0 for none.

    Raises:
        ValueError: to polish after a method that reads values alone.

    Example:
        >>> SciPy("Powell", options={"xtol": 0.01})
        SciPy(method='Powell', bound=10.0, options={'xtol': 0.01}, polish=0)
    """

    method: str = "L-BFGS-B"
    bound: float = 10.0
    options: dict = dataclasses.field(default_factory=dict)
    polish: int = 0

    def __post_init__(self):
        if self.polish and self.gradient_free:
            raise ValueError(
                "`polish` needs a method that reads gradients, such as L-BFGS-B. "
                f"Received: polish={self.polish} with method={self.method!r}"
            )

    @property
    def gradient_free(self):
        """Whether the method reads values alone."""
        return self.method in GRADIENT_FREE


GRADIENT_FREE = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA", "differential_evolution")

# By how much a value may rise without meaning anything: voxels at an edge enter and
# leave the overlap, which no gradient sees, and sums are rounded.
ROUNDING = 1e-4


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
    found = result.x
    if optimizer.polish:
        found = _polished(evaluate, found, result.fun, optimizer.polish)
    return found.reshape(shape).astype("float32")


def _polished(evaluate, end, value, most):
    """The root of the gradient near a minimisation's end, if it is no worse there."""
    from scipy import optimize

    root = optimize.root(
        lambda move: evaluate(end + move)[1].astype("float64"),
        np.zeros_like(end),
        method="hybr",
        # Differences over 0.03 of a parameter, above what float32 rounds away.
        options={"eps": 1e-3, "xtol": 1e-3, "maxfev": most},
    )
    reached = end + root.x
    worse = evaluate(reached)[0] > value + ROUNDING * max(1.0, abs(value))
    return end if worse else reached
