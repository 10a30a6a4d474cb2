"""Gradients and compilation of functions on each backend."""

import contextlib
import functools

import keras


def value_and_grad(fn, variables, differentiable=False):
    """Evaluate a scalar function and its gradient.

    Args:
        fn: callable `fn(*variables)` that returns a scalar tensor.
        variables: list of float tensors or arrays.
        differentiable: bool. Make the gradients differentiable with respect to other
            variables that `fn` uses, for example the weights of a network. Only PyTorch
            needs this.

    Returns:
        Pair of the scalar and a list of gradients shaped as `variables`. The gradient
        is zero for a variable that `fn` does not use.

    Example:
        >>> value, grads = value_and_grad(lambda x: keras.ops.sum(x**2), [[1.0, 2.0]])
        >>> float(value), [float(g) for g in grads[0]]
        (5.0, [2.0, 4.0])
    """
    variables = [keras.ops.convert_to_tensor(v) for v in variables]
    return _BACKENDS[keras.backend.backend()](fn, variables, differentiable)


def compiled(fn, fuse=False, model=None):
    """Compile a function of tensors by `tf.function` or `jax.jit`.

    PyTorch runs the function uncompiled.

    Args:
        fn: callable of tensors without side effects.
        fuse: bool. Compile by XLA on TensorFlow, too. XLA is fast for element-wise
            operations, and slow for convolutions on a CPU.
        model: the Keras model that `fn` calls for inference, if any. Each call then
            uses the current weights on JAX, which would keep those of the first call,
            and does not record a graph on PyTorch.

    Returns:
        A callable with the same results. It is compiled again for each new shape.

    Example:
        >>> double = compiled(lambda x: x * 2.0)
        >>> float(double(keras.ops.convert_to_tensor(3.0)))
        6.0
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # TensorFlow counts the traces of a method over all objects, and warns of
        # retracing if there are many. It counts the traces of each partial separately.
        return tf.function(functools.partial(fn), jit_compile=fuse or None)
    if backend == "jax":
        import jax

        return jax.jit(fn) if model is None else _with_weights(fn, model)
    return fn if model is None else _without_graph(fn)


def _with_weights(fn, model):
    import jax

    @jax.jit
    def run(weights, *args):
        mapping = zip(model.variables, weights, strict=True)
        with keras.StatelessScope(state_mapping=mapping):
            return fn(*args)

    return lambda *args: run([v.value for v in model.variables], *args)


def _without_graph(fn):
    import torch

    def run(*args):
        with torch.no_grad():
            return fn(*args)

    return run


def portable():
    """Trace graphs without XLA, so that other runtimes can run them.

    Returns:
        A context manager that disables compilation by XLA on TensorFlow. It has no
        effect on other backends.

    Example:
        >>> with portable():
        ...     double = compiled(lambda x: x * 2.0)
    """
    if keras.backend.backend() != "tensorflow":
        return contextlib.nullcontext()
    from kregzoo.ops import _tensorflow

    return _tensorflow.plain()


def fused(fn):
    """Decorate a function to let XLA fuse its element-wise operations on TensorFlow.

    The gradient is fused, too. On a CPU, Keras does not compile TensorFlow models by
    XLA. This is best for convolutions, but makes each addition a pass over memory. JAX
    compiles whole steps anyway, and PyTorch runs the function unchanged.

    Args:
        fn: function of tensors and hashable constants without side effects.

    Returns:
        A function with the same results.

    Example:
        >>> @fused
        ... def energy(x):
        ...     return keras.ops.sum(x * x)
        >>> float(energy(keras.ops.ones((4, 4))))
        16.0
    """
    fast = None

    @functools.wraps(fn)
    def call(*args):
        nonlocal fast
        if keras.backend.backend() != "tensorflow":
            return fn(*args)
        if fast is None:
            from kregzoo.ops import _tensorflow

            fast = _tensorflow.compiled_when_large(fn)
        return fast(*args)

    return call


def _tensorflow(fn, variables, _):
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        value = fn(*variables)
    return value, tape.gradient(value, variables, unconnected_gradients="zero")


def _jax(fn, variables, _):
    import jax

    value, gradients = jax.value_and_grad(lambda values: fn(*values))(variables)
    return value, list(gradients)


def _torch(fn, variables, differentiable):
    import torch

    with torch.enable_grad():
        variables = [v.detach().clone().requires_grad_() for v in variables]
        value = fn(*variables)
        gradients = torch.autograd.grad(
            value, variables, allow_unused=True, create_graph=differentiable
        )
    gradients = [
        torch.zeros_like(v) if g is None else g
        for v, g in zip(variables, gradients, strict=True)
    ]
    return value.detach(), gradients


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
