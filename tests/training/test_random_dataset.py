import time

import keras
import numpy as np

from kregzoo.training.random_dataset import RandomDataset


class Noise(RandomDataset):
    def draw(self, rng, index):
        return rng.normal(size=self.batch_size), index


def test_items_depend_on_seed_epoch_and_index_alone():
    one, other = Noise(4, seed=3), Noise(4, seed=3)
    one[1]
    np.testing.assert_array_equal(one[2][0], other[2][0])
    assert one[2][1] == 2
    assert not np.array_equal(one[2][0], one[3][0])
    assert not np.array_equal(one[2][0], Noise(4, seed=4)[2][0])
    first = one[2][0]
    one.on_epoch_end()
    assert not np.array_equal(one[2][0], first)
    other.epoch = 1
    np.testing.assert_array_equal(one[2][0], other[2][0])


def test_length_may_change():
    data = Noise(steps_per_epoch=7)
    assert len(data) == 7
    data.steps_per_epoch = 3
    assert len(data) == 3


class Slow(RandomDataset):
    """Items that take a tenth of a second, so that `fit` waits for them."""

    def draw(self, rng, index):
        time.sleep(0.1)
        return np.ones((1, 2), "float32"), rng.normal(size=(1, 1))


def test_fit_ends_with_its_last_item():
    """`tf.data` made `fit` wait for as long as the epoch had taken."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    ended = []
    stop = keras.callbacks.LambdaCallback(
        on_train_end=lambda logs: ended.append(time.perf_counter())
    )
    for _ in range(3):
        model.fit(Slow(steps_per_epoch=20), verbose=0, callbacks=[stop])
        assert time.perf_counter() - ended[-1] < 0.5


def test_fit_takes_the_items_in_order():
    class Points(RandomDataset):
        def draw(self, rng, index):
            return rng.normal(size=(4, 2)), rng.normal(size=(4, 1))

    def model():
        keras.utils.set_random_seed(0)
        found = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        found.compile(keras.optimizers.SGD(0.1), "mse")
        return found

    fitted, stepped = model(), model()
    points = Points(steps_per_epoch=6)
    fitted.fit(points, epochs=3, shuffle=False, verbose=0)
    # On TensorFlow, Keras ends an epoch before the first.
    points.epoch -= 3
    for _ in range(3):
        for index in range(6):
            stepped.train_on_batch(*points[index])
        points.on_epoch_end()
    for one, other in zip(fitted.get_weights(), stepped.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
