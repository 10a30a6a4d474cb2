"""Checks for all layers, losses, metrics and models."""

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops


def random_image(shape, seed=0, sigma=1.0):
    """Make a smooth image in [0, 1], `(B, *spatial, C)` float32."""
    from scipy import ndimage

    noise = np.random.default_rng(seed).uniform(size=shape)
    image = ndimage.gaussian_filter(noise, (0, *[sigma] * (len(shape) - 2), 0))
    image = (image - image.min()) / np.ptp(image)
    return image.astype("float32")


def random_field(batch, shape, amplitude=1.5, seed=0, sigma=2.0):
    """Make a smooth displacement of at most `amplitude` voxels, `(B, *shape, D)`."""
    image = random_image((batch, *shape, len(shape)), seed, sigma)
    return (amplitude * (2.0 * image - 1.0)).astype("float32")


def assert_close(actual, expected, rtol=1e-4, atol=1e-5):
    actual = kops.convert_to_numpy(actual)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def assert_gradient(fn, x, step=0.05, tolerance=0.02):
    """Compare the gradient of a function of a tensor with finite differences at `x`.

    A random weighted sum of the result is differentiated along its own gradient and
    along a random direction. `step` is the length of the change of `x`, `tolerance` is
    relative to the length of the gradient.
    """
    fn = ops.compiled(fn)
    rng = np.random.default_rng(1)
    shape = tuple(fn(kops.convert_to_tensor(x)).shape)
    weights = rng.uniform(0.5, 1.5, shape).astype("float32")

    def total(x):
        return kops.sum(kops.multiply(kops.cast(fn(x), "float32"), weights))

    def value(x):
        result = fn(kops.convert_to_tensor(x.astype("float32")))
        return np.sum(kops.convert_to_numpy(result).astype("float64") * weights)

    gradient = ops.compiled(lambda x: ops.value_and_grad(total, [x])[1][0])
    gradient = kops.convert_to_numpy(gradient(kops.convert_to_tensor(x)))
    length = np.linalg.norm(gradient)
    assert np.isfinite(length) and length > 0
    along = gradient / length
    across = rng.normal(size=gradient.shape)
    across /= np.linalg.norm(across)
    for direction in (along, (along + across) / np.linalg.norm(along + across)):
        expected = (
            (value(x + step * direction) - value(x - step * direction)) / step / 2
        )
        actual = np.sum(gradient * direction)
        assert abs(actual - expected) < tolerance * length, (actual, expected)


def run_model_saving_test(model, inputs, path):
    """Check that a model saved and loaded as `.keras` has the same outputs."""
    file = path / "model.keras"
    model.save(file)
    expected = keras.tree.flatten(model(inputs))
    restored = keras.tree.flatten(keras.models.load_model(file)(inputs))
    assert len(restored) == len(expected)
    for one, other in zip(restored, expected, strict=True):
        assert_close(one, kops.convert_to_numpy(other))


def run_layer_test(cls, kwargs, inputs, output_shape, path, mixed_dtype="float32"):
    """Check shape, dtype, serialization, saving and mixed precision of a layer.

    Args:
        cls: the layer's class.
        kwargs: dict, its constructor's arguments.
        inputs: array or list of arrays.
        output_shape: expected shape of the output.
        path: folder for the saved model.
        mixed_dtype: dtype of the output under a mixed bfloat16 policy.

    Returns:
        The output as an array.
    """
    layer = cls(**kwargs)
    output = kops.convert_to_numpy(layer(inputs))
    assert output.shape == tuple(output_shape)
    assert output.dtype == "float32"
    assert np.isfinite(output).all()

    symbolic = keras.tree.map_structure(lambda x: keras.Input(x.shape[1:]), inputs)
    assert layer(symbolic).shape == (None, *output_shape[1:])

    config = layer.get_config()
    restored = cls.from_config(config)
    assert restored.get_config() == config
    assert_close(restored(inputs), output)

    run_model_saving_test(keras.Model(symbolic, cls(**kwargs)(symbolic)), inputs, path)

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = cls(**kwargs)(inputs)
    finally:
        keras.config.set_dtype_policy(policy)
    assert keras.backend.standardize_dtype(mixed.dtype) == mixed_dtype
    if mixed_dtype == "float32":
        assert_close(mixed, output)
    return output


def run_loss_test(cls, kwargs, y_true, y_pred, **gradient_options):
    """Check shape, independence of samples, gradient and serialization of a loss.

    Args:
        cls: the loss's class.
        kwargs: dict, its constructor's arguments.
        y_true: array, a batch of at least 2.
        y_pred: array, a batch of at least 2.
        **gradient_options: of `assert_gradient`.

    Returns:
        The values of the samples as an array.
    """
    loss = cls(**kwargs)
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    true, pred = kops.convert_to_tensor(y_true), kops.convert_to_tensor(y_pred)
    values = kops.convert_to_numpy(loss.call(true, pred))
    assert values.shape == (len(y_pred),)
    assert values.dtype == "float32"
    assert np.isfinite(values).all()
    assert_close(loss(y_true, y_pred), values.mean())
    assert_close(ops.compiled(loss.call)(true[1:], pred[1:]), values[1:])

    config = loss.get_config()
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(restored) is cls
    assert restored.get_config() == config
    assert_close(restored(y_true, y_pred), values.mean())

    assert_gradient(lambda x: loss.call(true, x), y_pred, **gradient_options)
    return values


def run_mask_test(loss, fixed, warped):
    """Check that half a mask changes the loss, and an empty mask keeps it finite.

    Returns:
        The values under a mask of ones as an array.
    """
    ones = np.ones((*fixed.shape[:-1], 1), "float32")
    half = np.array(ones)
    half[:, : fixed.shape[1] // 2] = 0.0

    def masked(mask):
        tensors = [kops.convert_to_tensor(array) for array in (fixed, warped, mask)]
        return kops.convert_to_numpy(loss.call(*tensors))

    full = masked(ones)
    assert np.abs(masked(half) - full).max() > 1e-5
    assert np.isfinite(masked(0.0 * ones)).all()
    return full


def run_metric_test(cls, kwargs, y_true, y_pred, expected):
    """Check value, accumulation, reset and serialization of a metric."""
    metric = cls(**kwargs)
    for true, pred in zip(y_true, y_pred, strict=True):
        metric.update_state(true[None], pred[None])
    assert_close(metric.result(), np.mean(expected))
    metric.reset_state()
    metric.update_state(y_true[:1], y_pred[:1])
    assert_close(metric.result(), expected[0])

    restored = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(restored) is cls
    assert restored.get_config() == metric.get_config()
    assert_close(restored(y_true, y_pred), np.mean(expected))
