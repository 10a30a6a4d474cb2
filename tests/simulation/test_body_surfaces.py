import numpy as np

from kregzoo.simulation.body_surfaces import body, surface
from kregzoo.spatial import Image
from tests.phantoms import Phantom, rotated_grid


def test_a_surface_does_not_depend_on_the_inside():
    solid, hollow = _solid_and_hollow()
    one, other = (
        surface(np.random.default_rng(0), image).array for image in (solid, hollow)
    )
    np.testing.assert_allclose(one, other)
    assert one.min() == 0.0 and one.max() == 1.0


def test_clothes_cover_the_body_and_vary():
    solid, _ = _solid_and_hollow()
    bare = body(solid)
    one, other = (
        surface(np.random.default_rng(seed), solid).array > 0.5 for seed in (0, 1)
    )
    sizes = [np.cbrt(mask.sum() * 5.0**3 * 3 / (4 * np.pi)) for mask in (bare, one)]
    # The mean of 0 to 10 mm.
    assert 2.0 < sizes[1] - sizes[0] < 8.0
    assert (one != other).any() and one[bare].mean() > 0.98


def test_a_table_and_a_cable_are_removed():
    solid, hollow = _solid_and_hollow()
    lying = Image(hollow.array.copy(), hollow.grid)
    lying.array[:, 2] = 0.8
    lying.array[12, :, 20] = 0.8
    found, alone = body(lying), body(solid)
    assert (found != alone).mean() < 0.01
    # Hollow parts belong to the body.
    assert found[12, 12, 12]


def test_lungs_that_the_image_cuts_are_filled():
    array = np.zeros((24, 24, 24), "float32")
    array[4:20, 6:18] = 0.5
    array[9:15, 10:14, 8:] = 0.05
    image = Image(array, rotated_grid((24, 24, 24), 5.0, 0.0))
    assert body(image)[12, 12].all()


def _solid_and_hollow():
    image = Phantom(3, radius=40.0).image(rotated_grid((24, 24, 24), 5.0, 0.0))
    solid = Image(np.clip(image.array, 0, 1), image.grid)
    hollow = Image(solid.array.copy(), solid.grid)
    hollow.array[11:13, 11:13, 11:13] = 0.0
    return solid, hollow
