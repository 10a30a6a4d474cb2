"""Minimize an objective with a Keras or SciPy optimizer."""

import dataclasses

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class SciPy:
    """SciPy optimizer for `IterativeRegistrar`.

    Args:
        method: str. A method of `scipy.optimize.minimize`, for example `"L-BFGS-B"` or
            `"Powell"`, or `"differential_evolution"`.
        bound: float. Half width in voxels of the search box of differential evolution,
            about the start.
        options: dict of options of the method.
        polish: int. Approximate maximum number of gradient evaluations of the
            root-polishing, which searches the root of the gradient by
            `scipy.optimize.root` after the minimization. The root is more exact,
            because rounding of the float32 values ends a minimization early. Use it
            for the few parameters of a rigid or affine transform. 0 disables it.

    Raises:
        ValueError: If `polish` is used with a gradient-free method.

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
                "`polish` needs a method that uses gradients, for example L-BFGS-B. "
                f"Received: polish={self.polish} with method={self.method!r}"
            )

    @property
    def gradient_free(self):
        """Whether the method uses only function values."""
        return self.method in GRADIENT_FREE


GRADIENT_FREE = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA", "differential_evolution")

# Relative increase of a value that is tolerated: sums are rounded, and voxels enter and
# leave the overlap, which changes the value but not the gradient.
ROUNDING = 1e-4


def minimize(objective, start, optimizer, steps, on_step):
    """Minimize an objective.

    Args:
        objective: callable `objective(parameters) -> (value, gradient)` of one float32
            tensor. The gradient may be None for gradient-free methods.
        start: float32 array, the initial parameters.
        optimizer: a `SciPy`, or the config of a Keras optimizer from
            `keras.optimizers.serialize`. A new Keras optimizer is made from the config,
            so that no state of another pair remains.
        steps: int. Maximum number of iterations.
        on_step: callable without arguments, called once per iteration.

    Returns:
        Parameters, a float32 NumPy array of the shape of `start`.
    """
    if isinstance(optimizer, SciPy):
        return _minimize_scipy(objective, start, optimizer, steps, on_step)
    return _minimize_keras(objective, start, optimizer, steps, on_step)


def _minimize_keras(objective, start, config, steps, on_step):
    optimizer = keras.optimizers.deserialize(config)
    variable = keras.Variable(start, dtype="float32", name="parameters")
    for _ in range(steps):
        _, gradient = objective(keras.ops.convert_to_tensor(variable))
        optimizer.apply([gradient], [variable])
        on_step()
    return keras.ops.convert_to_numpy(variable)


def _minimize_scipy(objective, start, optimizer, steps, on_step):
    from scipy import optimize

    shape = np.shape(start)

    def at(flat):
        return objective(keras.ops.convert_to_tensor(flat.reshape(shape), "float32"))

    def evaluate(flat):
        value, gradient = at(flat)
        return float(value), np.ravel(keras.ops.convert_to_numpy(gradient))

    def value_only(flat):
        return float(at(flat)[0])

    # The line searches of SciPy need float64. With float32 steps they end early.
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
    """Find the root of the gradient near a minimum, or keep a better minimum."""
    from scipy import optimize

    root = optimize.root(
        lambda move: evaluate(end + move)[1].astype("float64"),
        np.zeros_like(end),
        method="hybr",
        # Differences over a step of 0.03, which is larger than the float32 rounding.
        options={"eps": 1e-3, "xtol": 1e-3, "maxfev": most},
    )
    reached = end + root.x
    worse = evaluate(reached)[0] > value + ROUNDING * max(1.0, abs(value))
    return end if worse else reached
