import numpy as np

from kregzoo import ops
from kregzoo.spatial import Grid, Image
from kregzoo.training import Pose, RandomDeformations, SyntheticPairs, augment_shapes
from tests.helpers import random_image

SHAPE = (32, 40)
IMAGES = random_image((3, *SHAPE, 1), 0, sigma=2.0)


def test_random_deformations_deform_the_images():
    moving, fixed, displacement = RandomDeformations(IMAGES, (8, 16)).draw(
        np.random.default_rng(0), 4
    )
    assert all(any((m == image).all() for image in IMAGES) for m in moving)
    assert np.abs(moving - fixed).mean() > 0.01
    np.testing.assert_allclose(ops.warp(moving, displacement), fixed, atol=1e-5)


def test_their_size_is_what_was_asked_for():
    rng = np.random.default_rng(0)
    small, large = (
        RandomDeformations(IMAGES, (16,), sd=sd).draw(rng, 64)[2].std()
        for sd in (0.1, 0.3)
    )
    np.testing.assert_allclose(large / small, 3.0, rtol=0.15)


def test_in_any_pose_the_displacement_aligns_the_pair():
    draw = RandomDeformations(random_image((3, 48, 48, 1), 0, sigma=4.0), (16,)).draw
    grid = Grid((48, 48), np.diag([2.0, 3.0, 1.0]))
    pose = Pose(rotation=20.0, scale=0.2, shift=6.0, flip=True, shear=0.1)
    images, targets = SyntheticPairs(draw, grid, pose, batch_size=8)[0]
    plain, _ = SyntheticPairs(draw, batch_size=8)[0]
    assert np.abs(images["fixed"] - plain["fixed"]).mean() > 0.05
    inner = (slice(None), slice(12, -12), slice(12, -12))
    warped = np.array(ops.warp(images["moving"], targets["displacement"]))
    after = np.abs(warped - images["fixed"])[inner].mean()
    before = np.abs(images["moving"] - images["fixed"])[inner].mean()
    # Interpolation and what lies outside of the image are left.
    assert after < 0.15 * before


def test_an_item_depends_on_seed_epoch_and_number_alone():
    def pairs(seed=0):
        draw = RandomDeformations(IMAGES, (8,)).draw
        return SyntheticPairs(draw, batch_size=2, steps_per_epoch=3, seed=seed)

    one, same = pairs(), pairs()
    images, targets = one[1]
    assert images["moving"].shape == (2, *SHAPE, 1)
    assert targets["displacement"].shape == (2, *SHAPE, 2)
    np.testing.assert_array_equal(images["moving"], same[1][0]["moving"])
    same.on_epoch_end()
    others = (same[1], pairs(seed=1)[1], one[2])
    assert all(
        (item[1]["displacement"] != targets["displacement"]).any() for item in others
    )


def test_reshaped_images_differ_and_are_the_image_where_nothing_moves():
    image = Image(IMAGES[0, ..., 0], Grid.centered(SHAPE, 2.0))
    rng = np.random.default_rng(0)
    still = augment_shapes(rng, image, Pose(), 2.0, 2, sd=0.0)
    for other in still:
        np.testing.assert_allclose(other.array, image.array, atol=1e-5)
    pose = Pose(rotation=10.0, scale=0.1)
    one, two = augment_shapes(rng, image, pose, 4.0, 2)
    assert one.grid.spacing.tolist() == [4.0, 4.0]
    assert np.abs(one.array - two.array).mean() > 0.01
    assert image.array.min() <= one.array.min() or one.array.min() == 0.0
    assert one.array.max() <= image.array.max() + 1e-5
