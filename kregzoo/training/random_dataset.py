"""Base class of the datasets that draw their items at random."""

import keras
import numpy as np

# On TensorFlow, threads draw items ahead of the training. With fewer than two threads,
# Keras lets tf.data draw them, and `fit` then waits at its end until the thread that
# tunes tf.data wakes, for as long as the last epoch took.
THREADS = 2 if keras.backend.backend() == "tensorflow" else 1
ITEMS_AHEAD = 4


class RandomDataset(keras.utils.PyDataset):
    """Draw items at random, reproducibly.

    Item `i` of an epoch depends only on the seed, the epoch and `i`, so a resumed
    training sees the same items as an uninterrupted training. The numbers are drawn by
    NumPy, so they are the same on every backend. Subclasses define
    `draw(rng, index)`, which returns an item from a `numpy.random.Generator`.

    Args:
        batch_size: int. Pairs per item.
        steps_per_epoch: int. Items per epoch.
        seed: int.
        **kwargs: Arguments of `keras.utils.PyDataset`.

    Example:
        >>> class Noise(RandomDataset):
        ...     def draw(self, rng, index):
        ...         return (rng.normal(size=(self.batch_size, 4)),)
        >>> data = Noise(batch_size=2, steps_per_epoch=3)
        >>> len(data), data[0][0].shape
        (3, (2, 4))
    """

    def __init__(self, batch_size=1, steps_per_epoch=100, seed=0, **kwargs):
        super().__init__(
            **{"workers": THREADS, "max_queue_size": ITEMS_AHEAD, **kwargs}
        )
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self.seed = seed
        self.epoch = 0

    def __len__(self):
        return self.steps_per_epoch

    def __getitem__(self, index):
        return self.draw(np.random.default_rng((self.seed, self.epoch, index)), index)

    def on_epoch_end(self):
        self.epoch += 1
