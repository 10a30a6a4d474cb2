import keras
import numpy as np
import pytest

from kregzoo.models import KrebsCVAE
from kregzoo.registrars import GenerativeRegistrar
from kregzoo.spatial import Image, Preprocessor
from tests.phantoms import Phantom, rotated_grid

FRAME = Preprocessor(4.0, ((32, 32),), divisor=None)


@pytest.fixture(scope="module")
def registrar():
    keras.utils.set_random_seed(0)
    model = KrebsCVAE((32, 32, 1), latent_size=4, sigma=2.0)
    head = model.get_layer("decoder").get_layer("raw_velocity")
    kernel, bias = head.get_weights()
    rng = np.random.default_rng(0)
    head.set_weights([rng.normal(0, 0.3, kernel.shape), bias])
    return GenerativeRegistrar(model, FRAME, alignment="none")


def image(seed=0):
    return Phantom(2, seed=seed).image(rotated_grid((30, 34), 3.9, 0.0))


def test_samples_are_deformations_of_the_image(registrar):
    first, second = registrar.sample(image(), count=2)
    assert first.warped.grid == image().grid
    for result in (first, second):
        assert np.abs(result.warped.array - image().array).max() > 0.05
        assert result.metrics["folded_percent"] == 0.0
    assert np.abs(first.warped.array - second.warped.array).max() > 0.01
    (again,) = registrar.sample(image())
    np.testing.assert_allclose(again.warped.array, first.warped.array, atol=1e-5)
    (other,) = registrar.sample(image(), seed=1)
    assert np.abs(other.warped.array - first.warped.array).max() > 0.01


def test_transport_decodes_the_pair_s_mean_on_the_other_image(registrar):
    moving, fixed, other = image(0), image(1), image(2)
    same = registrar.transport(moving, fixed, moving)
    encoder, decoder = map(registrar.model.get_layer, ("encoder", "decoder"))

    def seen(image, by):
        grid = FRAME.canonical_grid(FRAME.normalize(by))
        return FRAME.normalize(image).resample(grid).array[None, ..., None]

    # The latent variables are of the pair, on the fixed image's grid, the velocity of
    # the image to deform, on its own.
    pair = [seen(moving, fixed), seen(fixed, fixed)]
    mean = encoder.predict_on_batch(pair)[:, :4]
    expected = decoder.predict_on_batch([mean, seen(moving, moving)])[0]
    found = same.transform.transforms[0]
    margin = (found.velocity.shape[0] - 32) // 2
    inner = found.velocity[margin:-margin, margin:-margin]
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(inner, expected, atol=1e-4)
    moved = registrar.transport(moving, fixed, other)
    assert moved.moving is moved.fixed and isinstance(moved.warped, Image)
    difference = moved.transform.transforms[0].velocity - found.velocity
    assert np.abs(difference).max() > 1e-3


def test_counts_below_one_are_refused(registrar):
    with pytest.raises(ValueError, match="`count`.*Received: 0"):
        registrar.sample(image(), count=0)
