import keras
import numpy as np
import pytest
from keras import ops as kops

from kregzoo.agents import registrar as agent
from kregzoo.agents.actions import RigidMotions
from kregzoo.agents.observations import Stage
from kregzoo.agents.registrar import AgentRegistrar
from kregzoo.spatial import AffineTransform, CompositeTransform, Preprocessor
from tests.phantoms import Phantom, linear_map, mean_error, rotated_grid

FRAME = Preprocessor(4.0, ((32, 32),))
TRUTH = linear_map(2, degrees=0.0, shift=12.0)


class CentersOfMass:
    """An agent that lays the centers of mass on each other, and never turns."""

    def get_layer(self, name):
        return keras.layers.Lambda(self.values)

    def values(self, observation):
        size = observation.shape[1]
        line = np.arange(size, dtype="float32")
        rows = []
        for image in (observation[0, ..., 0], observation[0, ..., 1]):
            total = kops.sum(image)
            along = [kops.sum(kops.sum(image, axis=1 - a) * line) for a in (0, 1)]
            rows.append([value / total for value in along])
        gaps = [fixed - moving for moving, fixed in zip(*rows, strict=True)]
        # Rows and columns of the canonical grid run against the world's axes, as what
        # is seen runs against where it is looked for.
        values = [gaps[1], -gaps[1], gaps[0], -gaps[0], -1.0 + 0 * gaps[0]]
        return kops.stack([*values, values[-1]])[None]


def stages(budget=60):
    return (
        Stage("coarse", 4.0, (32, 32), RigidMotions(2, 4.0, 4.0), budget, (4, 4)),
        Stage("fine", 2.0, (64, 64), RigidMotions(2, 1.0, 1.0), budget, (4, 4)),
    )


@pytest.fixture(scope="module")
def pair():
    phantom = Phantom(2, radius=30.0)
    moving = phantom.image(rotated_grid((64, 64), 2.0, 0.0))
    return phantom, moving, phantom.image(rotated_grid((64, 64), 2.0, 0.0), TRUTH)


START = AffineTransform(np.eye(3))


def test_acts_until_it_has_arrived(pair):
    phantom, moving, fixed = pair
    registrar = AgentRegistrar(CentersOfMass(), FRAME, stages())
    result = registrar.register(moving, fixed, initial=START, progress=False)
    assert mean_error(result.transform, TRUTH, phantom.landmarks()) < 1.5
    # Where it went round it stopped, long before its budget.
    for name in ("coarse", "fine"):
        steps = [step for step in result.path if step.stage == name]
        assert 1 < len(steps) < 40
        assert steps[-1].state in {step.state for step in steps[:-1]}
    assert set(result.seconds) == {"read", "coarse", "fine", "checks", "total"}


def test_the_path_leads_from_the_start_by_its_actions(pair):
    _, moving, fixed = pair
    registrar = AgentRegistrar(CentersOfMass(), FRAME, stages())
    result = registrar.register(moving, fixed, initial=START, progress=False)
    np.testing.assert_array_equal(result.path[0].alignment, START.matrix)
    for step, later in zip(result.path, result.path[1:], strict=False):
        if step.stage == later.stage:
            moved = np.linalg.solve(step.alignment, later.alignment)
            unit = 4.0 if step.stage == "coarse" else 1.0
            sign = 1 - 2 * (step.action % 2)
            np.testing.assert_allclose(moved[step.action // 2, 2], sign * unit)
    axes = result.plot_path().axes
    assert [len(axis.lines) for axis in axes] == [2, 1, 1]
    assert abs(axes[0].lines[0].get_ydata()[0]) > 5.0


@pytest.mark.parametrize("most", [16, 3])
def test_the_animation_shows_the_path_and_ends_aligned(
    pair, tmp_path, monkeypatch, most
):
    from PIL import Image as Picture

    _, moving, fixed = pair
    registrar = AgentRegistrar(CentersOfMass(), FRAME, stages())
    result = registrar.register(moving, fixed, initial=START, progress=False)
    assert len(result.path) > 4
    monkeypatch.setattr(agent, "FRAMES", most)
    result.save_animation(tmp_path / "path.gif")
    assert [path.name for path in tmp_path.iterdir()] == ["path.gif"]
    with Picture.open(tmp_path / "path.gif") as film:
        # Frames that are alike become one that stays longer.
        assert 2 < film.n_frames <= min(len(result.path), most) + 1
        color = []
        for frame in (0, film.n_frames - 1):
            film.seek(frame)
            red, green, _ = np.moveaxis(np.array(film.convert("RGB"), "float32"), -1, 0)
            color.append(np.abs(red - green).mean())
    # Aligned images are gray.
    assert color[1] < 0.5 * color[0]


def test_a_budget_ends_it(pair):
    _, moving, fixed = pair
    registrar = AgentRegistrar(CentersOfMass(), FRAME, stages(budget=2)[1:])
    for refine in (0, 3):
        result = registrar.register(
            moving, fixed, initial=START, refine=refine, progress=False
        )
        assert len(result.path) == 2 + refine


def test_bad_arguments_are_refused(pair):
    _, moving, fixed = pair
    registrar = AgentRegistrar(CentersOfMass(), FRAME, stages())
    with pytest.raises(ValueError, match="`refine`.*Received: -1"):
        registrar.register(moving, fixed, refine=-1)
    with pytest.raises(ValueError, match="`initial` must be an AffineTransform"):
        registrar.register(moving, fixed, initial=CompositeTransform([START]))
