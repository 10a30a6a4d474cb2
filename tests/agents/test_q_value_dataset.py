import numpy as np
import pytest

from kregzoo.agents import OptimalQValues
from kregzoo.agents.actions import RigidMotions, optimal_q_values
from kregzoo.agents.observations import Stage, VolumeView
from kregzoo.agents.q_value_dataset import _residual
from kregzoo.spatial import Grid, Image
from kregzoo.training import Pose
from tests.helpers import assert_close
from tests.phantoms import Phantom, rotated_grid

STAGE = Stage("coarse", 4.0, (16, 16), RigidMotions(2, 4.0, 5.0), 20, (3.0, 2.0))


def dataset(**options):
    phantom = Phantom(2, radius=40.0)
    images = [phantom.image(rotated_grid((64, 64), 2.0, 0.0))]
    options = {"pose": Pose(rotation=10.0), "batch_size": 8, **options}
    return OptimalQValues(images, (STAGE,), **options)


def test_items_have_views_and_values_by_stage():
    views, values = dataset()[0]
    assert views["coarse_view"].shape == (8, 16, 16, 2)
    assert values["coarse"].shape == (8, 6)
    assert (
        np.abs(views["coarse_view"][..., 0] - views["coarse_view"][..., 1]).max() > 0.1
    )


def test_an_item_depends_on_seed_epoch_and_number_alone():
    one, other = dataset(seed=3), dataset(seed=3)
    one[5]
    for name, found in one[1][0].items():
        np.testing.assert_array_equal(found, other[1][0][name])
    other.on_epoch_end()
    assert np.abs(one[1][0]["coarse_view"] - other[1][0]["coarse_view"]).max() > 0.1


def test_without_residual_both_views_are_the_same(monkeypatch):
    monkeypatch.setattr(
        "kregzoo.agents.q_value_dataset._residual", lambda rng, stage: np.zeros(3)
    )
    views, values = dataset()[0]
    assert_close(views["coarse_view"][..., 0], views["coarse_view"][..., 1])
    assert_close(values["coarse"], optimal_q_values(np.zeros((8, 3))), rtol=1e-3)


def test_views_are_those_of_registration(monkeypatch):
    units = np.array([1.0, -2.0, 1.5])
    monkeypatch.setattr(
        "kregzoo.agents.q_value_dataset._residual", lambda rng, stage: units
    )
    grid = Grid.centered((16, 16), 4.0)
    image = Phantom(2, radius=40.0).image(rotated_grid((64, 64), 2.0, 0.0))
    bright = np.zeros_like(image.array)
    bright[20, 30] = 1.0
    made = OptimalQValues([image], (STAGE,), Pose(), batch_size=4)
    # So that the only voxel to look about is this one.
    made._inside = [np.array([[20, 30]])]
    views, _ = made[0]
    middle = image.grid.voxel_to_world(np.array([[20, 30]]))[0]
    about = Grid(
        grid.shape,
        np.block(
            [[grid.affine[:2, :2], (grid.affine[:2, 2] + middle)[:, None]], [0, 0, 1]]
        ),
    )
    view = VolumeView(Image(image.array, image.grid), image, about)
    alignment = STAGE.motions.matrix(units, about.center)
    assert_close(views["coarse_view"][0], view.observe(alignment), atol=1e-4)


def test_half_of_the_residuals_have_no_translation():
    rng = np.random.default_rng(0)
    drawn = np.array([_residual(rng, STAGE) for _ in range(400)])
    still = (drawn[:, :2] == 0).all(axis=1)
    assert 0.4 < still.mean() < 0.6
    assert np.abs(drawn[:, :2]).max() <= 3.0 and np.abs(drawn[:, 2]).max() <= 2.0


def test_fixed_images_are_degraded():
    def darker(rng, image):
        return 0.5 * image

    plain, dark = dataset()[0][0], dataset(degrade=darker)[0][0]
    assert_close(dark["coarse_view"][..., 1], 0.5 * plain["coarse_view"][..., 1])
    assert_close(dark["coarse_view"][..., 0], plain["coarse_view"][..., 0])


def test_batches_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="`batch_size` must be a multiple of 4"):
        dataset(batch_size=6)
