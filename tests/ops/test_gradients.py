import keras
import numpy as np
from keras import ops
from keras.ops import convert_to_numpy as to_numpy

from kregzoo.ops.gradients import compiled, value_and_grad

rng = np.random.default_rng(0)


def energy(x, y):
    return ops.sum(ops.sin(x) * y**2)


def test_value_and_grad_match_the_formula():
    x, y = rng.normal(size=(2, 3, 4)).astype("float32")
    value, gradients = value_and_grad(energy, [x, y])
    np.testing.assert_allclose(to_numpy(value), np.sum(np.sin(x) * y**2), rtol=1e-5)
    of_x, of_y = map(to_numpy, gradients)
    np.testing.assert_allclose(of_x, np.cos(x) * y**2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(of_y, 2 * np.sin(x) * y, rtol=1e-5, atol=1e-6)


def test_a_variable_that_is_not_used_has_a_gradient_of_zeros():
    x, y = np.ones((2, 5), "float32")
    _, (_, gradient) = value_and_grad(lambda x, y: ops.sum(x**2), [x, y])
    np.testing.assert_array_equal(to_numpy(gradient), np.zeros(5))


def test_compiled_functions_take_gradients_and_new_shapes():
    fn = compiled(lambda x, y: value_and_grad(energy, [x, y]))
    for shape in [(3,), (2, 4)]:
        x, y = rng.normal(size=(2, *shape)).astype("float32")
        x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
        value, (of_x, _) = fn(x, y)
        expected, (expected_of_x, _) = value_and_grad(energy, [x, y])
        np.testing.assert_allclose(to_numpy(value), to_numpy(expected), rtol=1e-5)
        np.testing.assert_allclose(
            to_numpy(of_x), to_numpy(expected_of_x), rtol=1e-5, atol=1e-6
        )


def test_many_objects_with_a_compiled_method_are_no_retracing(caplog):
    class Doubling:
        def double(self, x):
            return 2 * x

    x = ops.convert_to_tensor(np.ones(3, "float32"))
    for _ in range(8):
        np.testing.assert_array_equal(to_numpy(compiled(Doubling().double)(x)), 2.0)
    assert "retracing" not in caplog.text


def test_a_compiled_model_has_the_weights_of_the_moment():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    predict = compiled(model, model=model)
    x = ops.convert_to_tensor(np.ones((1, 3), "float32"))
    predict(x)
    model.set_weights([np.full((3, 2), 5.0), np.ones(2)])
    found = predict(x)
    np.testing.assert_allclose(to_numpy(found), 16.0)
    # PyTorch keeps no graph of it.
    assert not getattr(found, "requires_grad", False)
