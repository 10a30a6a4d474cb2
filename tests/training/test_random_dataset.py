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
