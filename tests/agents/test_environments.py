import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from kregzoo.agents.actions import RigidMotions
from kregzoo.agents.environments import EpisodeCase, RegistrationEnvironment, Rewards
from kregzoo.agents.observations import VolumeView
from kregzoo.spatial import Grid
from kregzoo.training import Pose
from tests.phantoms import Phantom, linear_map, rotated_grid


class Nothing:
    """A view of no image, for what does not depend on one."""

    shape = (1,)

    def __init__(self, ndim):
        self.center = np.full(ndim, 7.0)

    def observe(self, alignment):
        return alignment[0, :1]


def plain(ndim=3, **options):
    motions = RigidMotions(ndim, shift=2.0, angle=3.0)
    start = options.pop("start", Pose(rotation=10.0, shift=10.0))
    case = EpisodeCase(Nothing(ndim), np.eye(ndim + 1))
    return RegistrationEnvironment([case], motions, start, **options)


def volumes(ndim, **options):
    phantom = Phantom(ndim, radius=30.0)
    truth = np.eye(ndim + 1)
    motion = linear_map(ndim, degrees=5.0, shift=4.0)
    truth[:-1, -1] = motion(np.zeros((1, ndim)))[0]
    truth[:-1, :-1] = motion(np.eye(ndim)).T - truth[:-1, -1:]
    moving = phantom.image(rotated_grid((20,) * ndim, 4.0, 10.0))
    fixed = phantom.image(rotated_grid((20,) * ndim, 4.0, 0.0), motion)
    view = VolumeView(moving, fixed, Grid.centered((16,) * ndim, 4.0))
    pose = Pose(rotation=10.0, shift=8.0)
    motions = RigidMotions(ndim, shift=2.0, angle=3.0)
    return RegistrationEnvironment([EpisodeCase(view, truth)], motions, pose, **options)


@pytest.mark.parametrize("ndim", [2, 3])
def test_gymnasium_finds_no_fault(ndim):
    check_env(volumes(ndim, render_mode="rgb_array"))


def test_at_the_truth_both_images_are_the_same():
    game = volumes(3)
    aligned, info = game.reset(seed=0, options={"alignment": game.cases[0].truth})
    np.testing.assert_allclose(info["residual"], 0.0, atol=1e-9)
    moved, _ = game.reset(seed=0)
    errors = [np.abs(o[..., 0] - o[..., 1]).mean() for o in (aligned, moved)]
    assert errors[0] < 0.2 * errors[1]


def test_seeds_reproduce_an_episode_to_the_bit():
    def episode():
        game = volumes(3)
        game.reset(seed=5)
        game.action_space.seed(6)
        return [game.step(game.action_space.sample())[:2] for _ in range(10)]

    for (one, reward), (other, again) in zip(episode(), episode(), strict=True):
        np.testing.assert_array_equal(one, other)
        assert reward == again


def test_rewards_add_up_to_the_way_made():
    game = plain()
    _, info = game.reset(seed=0)
    lengths = [np.linalg.norm(info["residual"])]
    for action in (0, 3, 7, 10):
        *_, info = game.step(action)
        lengths.append(np.linalg.norm(info["residual"]))
        np.testing.assert_allclose(info["step_reward"], lengths[-2] - lengths[-1])
        assert info["terminal_reward"] == 0.0


def test_an_episode_ends_where_it_arrives():
    game = plain(2)
    start = game.motions.matrix([1.2, 0.0, 0.0], np.full(2, 7.0))
    game.reset(options={"alignment": start})
    _, reward, ended, cut, info = game.step(1)
    assert ended and not cut
    assert info["terminal_reward"] == 10.0
    assert reward == pytest.approx(1.0 + 10.0)


def test_an_episode_ends_beyond_the_limit_and_rewards_are_clipped():
    rewards = Rewards(limit=3.0, failure=-7.0, clip=0.5)
    game = plain(2, rewards=rewards)
    start = game.motions.matrix([2.8, 0.0, 0.0], np.full(2, 7.0))
    game.reset(options={"alignment": start})
    _, reward, ended, _, info = game.step(0)
    assert ended and info["step_reward"] == -0.5
    assert reward == -7.5


def test_an_episode_is_cut_after_its_budget():
    game = plain(budget=3, start=Pose(shift=100.0))
    game.reset(seed=1)
    assert [game.step(action)[3] for action in (0, 1, 0)] == [False, False, True]


def test_episodes_run_side_by_side():
    games = gymnasium.vector.SyncVectorEnv([lambda: volumes(2)] * 3)
    observations, _ = games.reset(seed=0)
    assert observations.shape == (3, 16, 16, 2)
    # Each has a seed of its own.
    assert np.abs(observations[0] - observations[1]).max() > 0.01
    observations, rewards, *_ = games.step(np.array([0, 2, 4]))
    assert observations.shape == (3, 16, 16, 2) and rewards.shape == (3,)


def test_pictures_show_both_images():
    game = volumes(3, render_mode="rgb_array")
    game.reset(seed=0)
    picture = game.render()
    assert picture.shape == (16, 32, 3) and picture.dtype == np.uint8
    assert picture.std() > 10
    assert plain().render() is None
    with pytest.raises(ValueError, match="`render_mode`.*Received: 'human'"):
        plain(render_mode="human")
