import gymnasium
import keras
import numpy as np
import pytest
from keras import layers

from kregzoo.agents.actions import RigidMotions
from kregzoo.agents.environments import EpisodeCase, RegistrationEnvironment, Rewards
from kregzoo.agents.q_learning import Learner, Memory, QLearning
from kregzoo.training import Pose

REACH = 3
SIDE = 2 * REACH + 1


class Table(gymnasium.ObservationWrapper):
    """Translations on a lattice in the plane, as one of so many states."""

    def __init__(self, budget=20):
        center = np.zeros(2)
        view = type("View", (), {"shape": (1,), "center": center})()
        view.observe = lambda alignment: alignment[0, :1]
        motions = RigidMotions(2, shift=1.0, angle=1.0)
        rewards = Rewards(limit=REACH + 0.1, success=5.0, failure=-5.0)
        game = RegistrationEnvironment(
            [EpisodeCase(view, np.eye(3))], motions, Pose(), rewards, budget
        )
        super().__init__(game)
        self.observation_space = gymnasium.spaces.Box(0, 1, (SIDE**2,), "float32")
        # Translations alone: the table of turns would be as large again.
        self.action_space = gymnasium.spaces.Discrete(4)

    def reset(self, *, seed=None, options=None):
        self.env.reset(seed=seed)
        shift = np.zeros(2)
        while not shift.any():
            shift = self.env.np_random.integers(-REACH, REACH + 1, 2)
        alignment = np.eye(3)
        alignment[:2, 2] = shift
        return super().reset(options={"alignment": alignment})

    def observation(self, observation):
        state = np.rint(self.env.alignment[:2, 2]).astype(int) + REACH
        seen = np.zeros(SIDE**2, "float32")
        if ((state >= 0) & (state < SIDE)).all():
            seen[state[0] * SIDE + state[1]] = 1.0
        return seen


def tabular(apart=True):
    """A network that is a table: a number for each state and action."""
    seen = keras.Input((SIDE**2,))
    heads = {
        name: layers.Dense(4, use_bias=False, kernel_initializer="zeros", name=name)(
            seen
        )
        for name in (("step", "terminal") if apart else ("values",))
    }
    outputs = dict(heads)
    if apart:
        outputs["values"] = layers.Add(name="values")(list(heads.values()))
    model = keras.Model(seen, outputs)
    # One step of this rate replaces a share of 0.3 of a number by its target.
    model.compile(keras.optimizers.SGD(0.15 * 32 * 4), dict.fromkeys(heads, "mse"))
    return model


def optimum(discount):
    """The values of all states and actions, by repeating Bellman's equation."""
    values = np.zeros((SIDE, SIDE, 4))
    moves = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    for _ in range(60):
        best = values.max(axis=2)
        for i, j in np.ndindex(SIDE, SIDE):
            here = np.array([i, j]) - REACH
            for action, move in enumerate(moves):
                there = here + move
                reward = np.linalg.norm(here) - np.linalg.norm(there)
                if not there.any():
                    values[i, j, action] = reward + 5.0
                elif np.abs(there).max() > REACH:
                    values[i, j, action] = reward - 5.0
                else:
                    later = best[there[0] + REACH, there[1] + REACH]
                    values[i, j, action] = reward + discount * later
    return values


@pytest.mark.slow
@pytest.mark.parametrize("apart", [True, False])
def test_finds_the_known_optimum_of_a_toy(apart):
    network = tabular(apart)
    settings = QLearning(
        2500, warm_up=50, copy_every=20, exploration=(1.0, 1.0), guided=0.0
    )
    Learner(network, Table(), settings).run()
    found = network.predict_on_batch(np.eye(SIDE**2, dtype="float32"))["values"]
    expected = optimum(0.9).reshape(-1, 4)
    away = np.arange(SIDE**2) != REACH * SIDE + REACH
    best = expected.max(axis=1)
    chosen = expected[np.arange(SIDE**2), found.argmax(axis=1)]
    np.testing.assert_allclose(chosen[away], best[away], atol=0.05)
    np.testing.assert_allclose(found[away], expected[away], atol=0.5)


def test_seeds_reproduce_a_run_to_the_bit():
    def run():
        keras.utils.set_random_seed(0)
        network = tabular()
        records = Learner(network, Table(), QLearning(60, warm_up=10)).run()
        return records, network.get_weights()

    (one, weights), (other, again) = run(), run()
    assert one == other and len(one) > 1
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_guided_episodes_take_the_shortest_way():
    settings = QLearning(200, warm_up=10**6, guided=1.0)
    records = Learner(tabular(), Table(), settings).run()
    early = [record for record in records if record["step"] <= 100]
    assert all(record["success"] for record in early)
    assert all(record["return"] > 5.0 for record in early)


def test_chance_falls_and_stays():
    settings = QLearning(100, exploration=(1.0, 0.2), explored=0.5)
    found = [settings.epsilon_at(step) for step in (0, 25, 50, 99)]
    np.testing.assert_allclose(found, [1.0, 0.6, 0.2, 0.2])


def test_memory_forgets_the_oldest():
    memory = Memory(3, (1,))
    info = {"step_reward": 1.0, "terminal_reward": 2.0}
    for number in range(5):
        memory.add([number], number, info, number == 4, [number + 1])
    assert sorted(memory.action) == [2, 3, 4]
    assert memory.ended.sum() == 1 and memory.count == 5
    drawn = memory.draw(np.random.default_rng(0), 100)
    assert set(drawn) == {0, 1, 2}
    assert memory.rewards["terminal"].tolist() == [2.0] * 3


def test_an_update_moves_the_actions_taken_alone():
    network = tabular()
    learner = Learner(network, Table(), QLearning(10, batch_size=1, warm_up=0))
    before, after = np.eye(SIDE**2, dtype="float32")[[3, 4]]
    info = {"step_reward": 1.0, "terminal_reward": -2.0}
    learner.memory.add(before, 2, info, True, after)
    learner._update()
    outputs = network.predict_on_batch(before[None])
    for name, reward in (("step", 1.0), ("terminal", -2.0)):
        moved = outputs[name][0]
        assert np.sign(moved[2]) == np.sign(reward)
        assert (np.delete(moved, 2) == 0).all()
