import keras
import numpy as np
import pytest

from kregzoo.agents import OptimalQValues
from kregzoo.agents.actions import RigidMotions
from kregzoo.agents.observations import Stage
from kregzoo.agents.registrar import AgentRegistrar
from kregzoo.losses import ActionValueError
from kregzoo.models import SYSTEMS, LiaoAgent
from kregzoo.models.reinforcement import liao_agent
from kregzoo.spatial import AffineTransform, Preprocessor
from kregzoo.training import Pose
from tests.phantoms import Phantom, linear_map, mean_error, rotated_grid


def test_published_size():
    widths = [(1, 8), (8, 32), (32, 32), (32, 128), (128, 128)]
    # With bias, and with scale, offset, mean and variance of the normalization.
    count = sum((27 * a + 5) * b for a, b in widths)
    dense = [(8**3 * 128, 512), (512, 512), (512, 64)]
    count += sum((a + 5) * b for a, b in dense) + 65 * 12
    assert LiaoAgent().count_params() == 2 * count


def test_sees_the_difference_alone():
    model = LiaoAgent((16, 16, 1), (4,), (8,), "same")
    rng = np.random.default_rng(0)
    seen = rng.random((1, 16, 16, 2)).astype("float32")
    found = model({"coarse_view": seen, "fine_view": seen})
    brighter = model({"coarse_view": seen + 0.5, "fine_view": seen})
    np.testing.assert_allclose(found["coarse"], brighter["coarse"], atol=1e-5)
    # Two networks, which share nothing.
    assert np.abs(np.subtract(found["coarse"], found["fine"])).max() > 1e-3


def test_sees_both_images_if_told_to():
    model = LiaoAgent((16, 16, 1), (4,), (8,), "same", both_images=True)
    rng = np.random.default_rng(0)
    seen = rng.random((1, 16, 16, 2)).astype("float32")
    found = model({"coarse_view": seen, "fine_view": seen})
    brighter = model({"coarse_view": seen + 0.5, "fine_view": seen})
    assert np.abs(np.subtract(found["coarse"], brighter["coarse"])).max() > 1e-3
    np.testing.assert_array_equal(found["fine"], brighter["fine"])


def test_small_shapes_are_refused_without_padding():
    with pytest.raises(ValueError, match="padding='same'.*Received"):
        LiaoAgent((32, 32, 1))


def test_the_last_stage_is_not_trained(monkeypatch):
    monkeypatch.setattr(liao_agent, "VARIANTS", 1)
    recipe = SYSTEMS["liao_agent"].recipes["ct_volumes"]
    image = Phantom(3, 60.0).image(rotated_grid((48, 48, 48), 4.0, 0.0))
    stages = recipe.data.stages
    views = recipe.data.make_dataset([image], stages, 4, 0)
    assert [stage.layer for stage in stages] == ["coarse", "fine", "fine"]
    # With the moves of the second stage, not of the third.
    assert views.stages == stages[:2]


@pytest.mark.slow
def test_learns_to_register():
    keras.utils.set_random_seed(0)
    shape = (24, 24)
    stages = tuple(
        Stage(name, spacing, shape, RigidMotions(2, unit, unit), 30, reach)
        for name, spacing, unit, reach in (
            ("coarse", 6.0, 4.0, (4.0, 4.0)),
            ("fine", 4.0, 2.0, (3.0, 3.0)),
        )
    )
    frame = Preprocessor(6.0, (shape,), None)
    images = [
        frame.normalize(
            Phantom(2, 40.0, seed=seed).image(rotated_grid((64, 64), 2.5, 0.0))
        )
        for seed in range(6)
    ]
    views = OptimalQValues(images, stages, Pose(rotation=10.0), batch_size=32)
    views.steps_per_epoch = 60
    model = LiaoAgent((*shape, 1), (8, 16), (64,), "same")
    loss = {name: ActionValueError() for name in ("coarse", "fine")}
    rate = keras.optimizers.schedules.CosineDecay(2e-3, 12 * views.steps_per_epoch)
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(views, epochs=12, shuffle=False, verbose=0)
    registrar = AgentRegistrar(model, frame, stages)
    before, after = [], []
    for number in range(6):
        truth = linear_map(2, degrees=10.0 - 4 * number, shift=8.0 - 3 * number)
        phantom = Phantom(2, 40.0, seed=number)
        grid = rotated_grid((64, 64), 2.5, 0.0)
        moving, fixed = phantom.image(grid), phantom.image(grid, truth)
        start = AffineTransform(np.eye(3))
        result = registrar.register(moving, fixed, initial=start, progress=False)
        points = phantom.landmarks()
        before.append(mean_error(start, truth, points))
        after.append(mean_error(result.transform, truth, points))
    assert np.mean(after) < 0.6 * np.mean(before), (before, after)
