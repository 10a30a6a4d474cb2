"""Gradients and compilation of plain functions: where backends differ."""

import contextlib
import functools

import keras


def value_and_grad(fn, variables, differentiable=False):
    """Evaluate a scalar function and its gradient.

    Args:
        fn: callable `fn(*variables)` that returns a scalar tensor.
        variables: list of float tensors or arrays.
        differentiable: bool. Whether the gradients are to be differentiated in turn,
            with respect to what else `fn` reads, such as a network's weights; PyTorch
            needs to know.

    Returns:
        Pair of the scalar and a list of gradients shaped as `variables`; zeros for a
        variable that `fn` does not use.

    Example:
        >>> value, grads = value_and_grad(lambda x: keras.ops.sum(x**2), [[1.0, 2.0]])
        >>> float(value), [float(g) for g in grads[0]]
        (5.0, [2.0, 4.0])
    """
    variables = [keras.ops.convert_to_tensor(v) for v in variables]
    return _BACKENDS[keras.backend.backend()](fn, variables, differentiable)


def compiled(fn, fuse=False, model=None):
    """Compile a function of tensors: `tf.function` or `jax.jit`; PyTorch runs it as is.

    Args:
        fn: callable of tensors, free of side effects.
        fuse: bool. Let XLA compile it on TensorFlow too: best for element-wise work,
            and bad for convolutions on a CPU.
        model: the Keras model that `fn` calls to infer, if it does. Its weights are
            those of the moment of a call, which JAX would else keep from the first one
            on, and PyTorch keeps nothing to train it by.

    Returns:
        A callable with the same results. It is compiled anew for each new shape.

    Example:
        >>> double = compiled(lambda x: x * 2.0)
        >>> float(double(keras.ops.convert_to_tensor(3.0)))
        6.0
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # A partial is counted by itself: TensorFlow counts the traces of a method over
        # all the objects that have it, and warns of retracing when there are many.
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
    """Trace graphs of plain operations, which other runtimes have too.

    Returns:
        A context manager. While it lasts, nothing on TensorFlow is compiled by XLA; on
        the other backends it changes nothing.

    Example:
        >>> with portable():
        ...     double = compiled(lambda x: x * 2.0)
    """
    if keras.backend.backend() != "tensorflow":
        return contextlib.nullcontext()
    from kregzoo.ops import _tensorflow

    return _tensorflow.plain()


def fused(fn):
    """Let XLA fuse a function's element-wise work, and its gradient's, on TensorFlow.

    Outside of a GPU Keras does not compile a TensorFlow model by XLA, which is best
    for its convolutions, but makes each addition a pass over memory. JAX compiles whole
    steps, and needs no help; PyTorch runs the function as it is.

    Args:
        fn: function of tensors and hashable constants, free of side effects.

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
