import numpy as np
import pytest

from kregzoo import ops
from kregzoo.training import AppearanceModel
from tests.helpers import random_image

SHAPE = (32, 40)


def deformations(count, seed=0, sd=2.0):
    points = np.random.default_rng(seed).normal(0, sd, (count, 7, 7, 2))
    return np.array(ops.bspline(points.astype("float32"), SHAPE))


@pytest.fixture(scope="module")
def model():
    texture = random_image((1, *SHAPE, 1), 0, sigma=3.0)
    shapes = deformations(6)
    return AppearanceModel(np.array(ops.warp(np.repeat(texture, 6, 0), shapes)), shapes)


def test_the_displacement_aligns_what_is_drawn(model):
    moving, fixed, displacement = model.draw(np.random.default_rng(1), 8)
    assert moving.shape == fixed.shape == (8, *SHAPE, 1)
    inner = (slice(None), slice(6, -6), slice(6, -6))
    before = np.abs(moving - fixed)[inner].mean()
    after = np.abs(np.array(ops.warp(moving, displacement)) - fixed)[inner].mean()
    # What is left is that the moving image was interpolated once before.
    assert after < 0.1 * before


def test_one_texture_gives_no_modes_of_texture(model):
    spread = np.std([model.draw(np.random.default_rng(i))[0].mean() for i in range(5)])
    assert np.abs(model.texture_modes).max() < 0.15
    assert spread < 0.05


def test_without_one_template_a_texture_is_drawn_as_it_is():
    images, shapes = random_image((3, *SHAPE, 1), 5, sigma=3.0), deformations(3)
    model = AppearanceModel(images, 0.0 * shapes, one_template=False)
    moving, fixed, displacement = model.draw(np.random.default_rng(0), 6)
    np.testing.assert_allclose(moving, fixed, atol=1e-5)
    assert np.abs(displacement).max() < 1e-4
    distance = np.abs(moving[:, None] - np.array(images)[None]).max(axis=(2, 3, 4))
    assert distance.min(axis=1).max() < 1e-4 < np.sort(distance, axis=1)[:, 1].min()


def test_modes_give_the_covariance_of_the_samples():
    images = random_image((5, *SHAPE, 1), 2, sigma=3.0)
    shapes = deformations(5, seed=3)
    model = AppearanceModel(images, shapes, localities=(np.inf,), kept=1.0)
    small = np.array(ops.resize(shapes, model.coarse, antialias=True))
    expected = np.cov(small.reshape(5, -1).T)
    rows = model.shape_modes[0].reshape(-1, expected.shape[0])
    np.testing.assert_allclose(rows.T @ rows, expected, atol=1e-3)


def test_locality_damps_the_covariance_of_distant_points_alone():
    images = random_image((5, *SHAPE, 1), 2, sigma=3.0)
    shapes = deformations(5, seed=3)
    found = AppearanceModel(images, shapes, localities=(np.inf, 0.25), kept=1.0)
    covariances = []
    for modes in found.shape_modes:
        first = modes[..., 0].reshape(len(modes), -1)
        covariances.append((first.T @ first).reshape(*found.coarse, *found.coarse))
    whole, local = covariances
    n, m = found.coarse
    for i, j in ((n // 2, m // 2), (3, 5)):
        assert local[i, j, i, j] == pytest.approx(whole[i, j, i, j], rel=1e-3)
    assert abs(local[1, 1, -2, -2]) < 0.1 * abs(whole[1, 1, -2, -2])
    # And so there are more modes than images.
    assert len(found.shape_modes[1]) > 4 == len(found.shape_modes[0])


def test_the_same_seed_draws_the_same(model):
    first, again = (model.draw(np.random.default_rng(7), 2) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
