import numpy as np
import pytest

from kregzoo.simulation.cone_beam import cone_beam


def test_cone_beams_end_at_a_cylinder_and_are_noisy():
    volume = np.full((24, 24, 8), 0.5)
    seen = [cone_beam(np.random.default_rng(seed), volume) for seed in range(20)]
    assert all(s.shape == volume.shape and s.dtype == np.float32 for s in seen)
    assert min(s[0, 0].max() for s in seen) == 0.0
    assert max(s[0, 0].max() for s in seen) > 0.0
    noise = [np.diff(s[10:14, 10:14], axis=2).std() / np.sqrt(2) for s in seen]
    assert 0.005 < min(noise) and max(noise) < 0.06


@pytest.mark.parametrize("shape", [(32, 32), (32, 24, 8)])
def test_the_view_is_a_disc_of_the_first_two_axes(shape):
    x, y = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape[:2]), indexing="ij")
    for seed in range(5):
        found = cone_beam(np.random.default_rng(seed), np.full(shape, 0.5))
        seen = found.reshape(*shape[:2], -1).any(axis=2)
        radius = np.sqrt(x**2 + y**2)
        inside = radius[seen].max()
        assert seen[radius < inside].all() and inside >= 0.7


def test_intensities_stay_in_their_range_and_seeds_repeat():
    bright = np.linspace(0, 1, 32 * 32 * 4).reshape(32, 32, 4)
    first, again = (cone_beam(np.random.default_rng(3), bright) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.min() >= 0.0 and first.max() <= np.float32(1.2)
