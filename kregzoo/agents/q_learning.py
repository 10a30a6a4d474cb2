"""Q-learning on a registration environment, by compiled Keras models alone."""

import dataclasses
import pathlib

import keras
import numpy as np

from kregzoo.training.checkpoints import Checkpoint, restore
from kregzoo.training.trainers import Trained

# Steps in the environment from one checkpoint to the next.
CHUNK = 1000
# Heads of a network and the rewards that each learns; `values` is their sum, or all.
HEADS = {"step": "step_reward", "terminal": "terminal_reward"}


@dataclasses.dataclass(frozen=True)
class QLearning:
    """Trainer of an agent that learns by trial and error (Mnih et al., Nature 2015).

    Args:
        steps: int. Steps in the environment; `fit` takes them, and the batch size, from
            the scale.
        discount: float in [0, 1].
        batch_size: int. Transitions of an update.
        capacity: int. Transitions that are remembered.
        warm_up: int. Transitions in memory before the first update.
        update_every: int. Steps for one update.
        copy_every: int. Updates from one copy to the target network to the next.
        exploration: tuple of two floats, the share of random actions at first and at
            last.
        explored: float in (0, 1]. The part of the steps over which it falls.
        guided: float in [0, 1]. The share of episodes, in the first half, that follow
            the shortest way, so that success is known before it is found by chance.
        double: bool. Choose the next action by the network that learns, and value it by
            the target network (van Hasselt et al., AAAI 2016).
        seed: int.
    """

    steps: int = 0
    discount: float = 0.9
    batch_size: int = 32
    capacity: int = 20_000
    warm_up: int = 1000
    update_every: int = 1
    copy_every: int = 500
    exploration: tuple = (1.0, 0.1)
    explored: float = 0.5
    guided: float = 0.2
    double: bool = True
    seed: int = 0

    def fit(self, build, sets, scale, folder):
        """Train a network's layer `"agent"`; see `kregzoo.training.trainers`."""
        model, (environment, _) = build(), sets
        settings = dataclasses.replace(
            self, steps=scale.steps, batch_size=scale.batch_size
        )
        agent = model.get_layer("agent")
        seconds = play(
            agent, environment, settings, scale.learning_rate, pathlib.Path(folder)
        )
        return Trained(model, {}, seconds)

    def epsilon_at(self, step):
        """The share of random actions at a step."""
        first, last = self.exploration
        done = min(1.0, step / (self.explored * self.steps))
        return first + (last - first) * done


class Memory:
    """The last transitions, in arrays that are filled round and round.

    Args:
        capacity: int.
        shape: tuple, of an observation.
    """

    def __init__(self, capacity, shape):
        # Half precision: an image needs no more, and there are many.
        self.before = np.zeros((capacity, *shape), "float16")
        self.after = np.zeros((capacity, *shape), "float16")
        self.action = np.zeros(capacity, "int64")
        self.ended = np.zeros(capacity, bool)
        self.rewards = {name: np.zeros(capacity, "float32") for name in HEADS}
        self.count = 0

    def add(self, before, action, info, ended, after):
        """Remember a transition, in place of the oldest one when full."""
        place = self.count % len(self.action)
        self.before[place], self.after[place] = before, after
        self.action[place], self.ended[place] = action, ended
        for name, key in HEADS.items():
            self.rewards[name][place] = info[key]
        self.count += 1

    def draw(self, rng, size):
        """Indices of transitions, any equally likely."""
        return rng.integers(min(self.count, len(self.action)), size=size)


class Learner:
    """Trains a network of action values in an environment.

    The network maps observations to `{"values": (B, A)}`. One with heads `"step"` and
    `"terminal"` beside it, of which `"values"` is the sum, learns both kinds of rewards
    apart, each from its own next value at the action that is best in all.

    Args:
        network: Keras model, compiled with a loss for each head.
        environment: a `RegistrationEnvironment`.
        settings: the `QLearning`.
    """

    def __init__(self, network, environment, settings):
        self.network = network
        self.environment = environment
        self.settings = settings
        self.heads = _heads(network)
        self.target = keras.models.clone_model(network)
        self.target.set_weights(network.get_weights())
        self.memory = Memory(settings.capacity, environment.observation_space.shape)
        self.rng = np.random.default_rng(settings.seed)
        self.updates = 0

    def run(self, start=0, end=None):
        """Play whole episodes, and learn.

        Args:
            start: int. The step to go on from.
            end: int. The step from which on no episode begins; None for all the steps.

        Returns:
            List of a dict for each episode: `"step"`, `"return"`, `"success"`, and
            `"value"`, the mean of the values of the actions taken.
        """
        episodes, step = [], start
        seed = self.settings.seed + start
        end = self.settings.steps if end is None else end
        while step < end:
            record, step = self._episode(step, seed if not episodes else None)
            episodes.append(record)
        return episodes

    def _episode(self, step, seed):
        seen, info = self.environment.reset(seed=seed)
        early = step < self.settings.steps / 2
        guided = early and self.rng.random() < self.settings.guided
        total, values, ended, cut = 0.0, [], False, False
        while not (ended or cut):
            found = self.network.predict_on_batch(seen[None])["values"][0]
            action = self._choose(found, info["residual"], guided, step)
            after, reward, ended, cut, info = self.environment.step(action)
            self.memory.add(seen, action, info, ended, after)
            seen, total, step = after, total + reward, step + 1
            values.append(found[action])
            known = self.memory.count >= self.settings.warm_up
            if known and step % self.settings.update_every == 0:
                self._update()
        success = bool(ended and info["terminal_reward"] > 0)
        return {
            "step": step,
            "return": total,
            "success": success,
            "value": float(np.mean(values)),
        }, step

    def _choose(self, values, residual, guided, step):
        if guided:
            axis = int(np.abs(residual).argmax())
            return 2 * axis + int(residual[axis] > 0)
        if self.rng.random() < self.settings.epsilon_at(step):
            return int(self.rng.integers(len(values)))
        return int(values.argmax())

    def _update(self):
        memory = self.memory
        drawn = memory.draw(self.rng, self.settings.batch_size)
        before = memory.before[drawn].astype("float32")
        after = memory.after[drawn].astype("float32")
        rows, actions = np.arange(len(drawn)), memory.action[drawn]
        later = self.target.predict_on_batch(after)
        chooser = (
            self.network.predict_on_batch(after) if self.settings.double else later
        )
        best = chooser["values"].argmax(axis=1)
        going_on = self.settings.discount * ~memory.ended[drawn]
        # Where the target is what the network says, there is no error and no gradient.
        targets = dict(self.network.predict_on_batch(before))
        for head in self.heads:
            names = HEADS if head == "values" else [head]
            reward = sum(memory.rewards[name][drawn] for name in names)
            targets[head][rows, actions] = reward + going_on * later[head][rows, best]
        targets = {head: targets[head] for head in self.heads}
        self.network.train_on_batch(before, targets)
        self.updates += 1
        if self.updates % self.settings.copy_every == 0:
            self.target.set_weights(self.network.get_weights())


def _heads(network):
    """The outputs that learn."""
    return [name for name in HEADS if name in network.output] or ["values"]


def play(network, environment, settings, learning_rate, directory):
    """Train an agent, from its last checkpoint if there is one.

    What is remembered is not kept: a run that was killed fills its memory anew.

    Args:
        network: Keras model, uncompiled.
        environment: a `RegistrationEnvironment`.
        settings: the `QLearning`.
        learning_rate: float. The first; it decays to zero along a cosine.
        directory: folder of the checkpoint and the history, a dict for each `CHUNK` of
            steps: `"step"`, and the means of `"return"`, `"success"` and `"value"`.

    Returns:
        The seconds that its training took in all.
    """
    directory.mkdir(parents=True, exist_ok=True)
    updates = settings.steps // settings.update_every
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, updates)
    network.compile(
        keras.optimizers.Adam(schedule),
        loss={name: keras.losses.Huber() for name in _heads(network)},
    )
    # Before the first update there may be a checkpoint.
    network.optimizer.build(network.trainable_variables)
    checkpoint = Checkpoint(directory)
    checkpoint.set_model(network)
    if checkpoint.path.exists():
        restore(network, checkpoint.path)
        checkpoint.read_history()
    learner = Learner(network, environment, settings)
    done = int(checkpoint.history[-1]["step"]) if checkpoint.history else 0
    bar = keras.utils.Progbar(settings.steps, stateful_metrics=["success", "return"])
    while done < settings.steps:
        checkpoint.on_epoch_begin(len(checkpoint.history))
        episodes = learner.run(done, min(done + CHUNK, settings.steps))
        done = episodes[-1]["step"]
        logs = {
            key: np.mean([episode[key] for episode in episodes])
            for key in ("return", "success", "value")
        }
        checkpoint.on_epoch_end(len(checkpoint.history), {**logs, "step": done})
        bar.update(min(done, settings.steps), list(logs.items()))
    return checkpoint.seconds
