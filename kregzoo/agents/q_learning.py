"""Q-learning in a registration environment, with compiled Keras models."""

import dataclasses
import pathlib

import keras
import numpy as np

from kregzoo.training.checkpoints import MODEL, Checkpoint
from kregzoo.training.trainers import Trained
from kregzoo.utils.progress import progress_bar

# Environment steps between two checkpoints.
CHUNK = 1000
# The reward that each head learns. A network without these heads learns the sum.
HEADS = {"step": "step_reward", "terminal": "terminal_reward"}


@dataclasses.dataclass(frozen=True)
class QLearning:
    """Train an agent by deep Q-learning (Mnih et al., Nature 2015).

    Args:
        steps: int. Environment steps. `fit` replaces `steps` and `batch_size` by those
            of the scale.
        discount: float in [0, 1].
        batch_size: int. Transitions per update.
        capacity: int. Capacity of the replay buffer in transitions.
        warm_up: int. Transitions in the replay buffer before the first update.
        update_every: int. Environment steps per update.
        copy_every: int. Updates between copies of the weights to the target network.
        exploration: tuple of two floats, the first and the last exploration rate.
        explored: float in (0, 1]. Fraction of the steps over which the exploration rate
            decreases.
        guided: float in [0, 1]. Fraction of the episodes in the first half of training
            that follow the optimal policy, so that the replay buffer contains successes
            early.
        double: bool. Use double Q-learning (van Hasselt et al., AAAI 2016): the online
            network selects the next action, and the target network evaluates it.
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
        """Train the layer `"agent"` of a network; see `kregzoo.training.trainers`."""
        model, (environment, _) = build(), sets
        settings = dataclasses.replace(
            self, steps=scale.steps, batch_size=scale.batch_size
        )
        agent = model.get_layer("agent")
        seconds = play(
            agent, environment, settings, scale.learning_rate, pathlib.Path(folder)
        )
        # A copy, because the optimizer of an inner model is saved with its weights.
        trained = build()
        trained.set_weights(model.get_weights())
        return Trained(trained, {}, seconds)

    def epsilon_at(self, step):
        """Compute the exploration rate at a step."""
        first, last = self.exploration
        done = min(1.0, step / (self.explored * self.steps))
        return first + (last - first) * done


class Memory:
    """Replay buffer: a ring buffer of the last transitions.

    Args:
        capacity: int. Number of transitions.
        shape: tuple of ints. Shape of an observation.
    """

    def __init__(self, capacity, shape):
        # Half precision suffices for images, and saves memory.
        self.before = np.zeros((capacity, *shape), "float16")
        self.after = np.zeros((capacity, *shape), "float16")
        self.action = np.zeros(capacity, "int64")
        self.ended = np.zeros(capacity, bool)
        self.rewards = {name: np.zeros(capacity, "float32") for name in HEADS}
        self.count = 0

    def add(self, before, action, info, ended, after):
        """Store a transition, and overwrite the oldest one if the buffer is full."""
        place = self.count % len(self.action)
        self.before[place], self.after[place] = before, after
        self.action[place], self.ended[place] = action, ended
        for name, key in HEADS.items():
            self.rewards[name][place] = info[key]
        self.count += 1

    def draw(self, rng, size):
        """Draw indices of stored transitions uniformly."""
        return rng.integers(min(self.count, len(self.action)), size=size)


class Learner:
    """Train a Q-network in an environment.

    The network maps observations to `{"values": (B, A)}`. If it also has the heads
    `"step"` and `"terminal"`, whose sum is `"values"`, each head learns one kind of
    reward. The target of a head uses the next value of the same head, at the action
    with the largest sum.

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
        # The actions of each episode so far, to refill the memory.
        self.actions = []
        self.rng = np.random.default_rng(settings.seed)
        self.updates = 0

    def run(self, start=0, end=None):
        """Run whole episodes, and train on them.

        Args:
            start: int. The step to continue from.
            end: int. No episode starts at or after this step. Defaults to all steps.

        Returns:
            List of one dict per episode: `"step"`, `"return"`, `"success"`, and
            `"value"`, the mean Q-value of the actions taken.
        """
        episodes, step = [], start
        end = self.settings.steps if end is None else end
        while step < end:
            record, step = self._episode(step)
            episodes.append(record)
        return episodes

    def state(self):
        """Return the arrays from which a resumed run continues: see `load_state`."""
        weights = self.target.get_weights()
        return {
            "updates": np.array(self.updates),
            "lengths": np.array([len(actions) for actions in self.actions], int),
            "actions": np.array([a for actions in self.actions for a in actions], int),
            **{f"target/{number}": value for number, value in enumerate(weights)},
        }

    def load_state(self, arrays):
        """Restore the state, and refill the replay buffer by repeating its episodes."""
        self.updates = int(arrays["updates"])
        self.target.set_weights(
            [arrays[f"target/{n}"] for n in range(len(self.target.weights))]
        )
        ends = np.cumsum(arrays["lengths"])
        self.actions = [
            actions.tolist() for actions in np.split(arrays["actions"], ends[:-1])
        ]
        # The first episode with a transition in the buffer.
        first = int((ends <= ends[-1] - self.settings.capacity).sum())
        self.memory.count = int(ends[-1] - arrays["lengths"][first:].sum())
        numbers = range(first, len(self.actions))
        with progress_bar(len(numbers), label="Refilling the buffer") as advance:
            for number in numbers:
                self._repeat(number)
                advance()

    def _repeat(self, number):
        """Repeat an episode, and store its transitions."""
        seen, _ = self._start(number)
        for action in self.actions[number]:
            after, _, ended, _, info = self.environment.step(action)
            self.memory.add(seen, action, info, ended, after)
            seen = after

    def _start(self, number):
        """Start an episode, which depends only on the seed and its number."""
        self.rng = np.random.default_rng((self.settings.seed, number))
        return self.environment.reset(seed=int(self.rng.integers(2**31)))

    def _episode(self, step):
        seen, info = self._start(len(self.actions))
        actions = []
        self.actions.append(actions)
        early = step < self.settings.steps / 2
        guided = early and self.rng.random() < self.settings.guided
        total, values, ended, cut = 0.0, [], False, False
        while not (ended or cut):
            found = self.network.predict_on_batch(seen[None])["values"][0]
            action = self._choose(found, info["residual"], guided, step)
            actions.append(action)
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
        # Actions not taken get the prediction as the target, so their gradient is zero.
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
    """List the outputs of a network that are trained."""
    return [name for name in HEADS if name in network.output] or ["values"]


def play(network, environment, settings, learning_rate, directory):
    """Train an agent, starting from the last checkpoint if there is one.

    A resumed run repeats the last episodes to refill the replay buffer, which is too
    large to save.

    Args:
        network: Keras model, not compiled.
        environment: a `RegistrationEnvironment`.
        settings: the `QLearning`.
        learning_rate: float. Initial learning rate, which decays to zero along a
            cosine.
        directory: folder of the checkpoint and the history. The history has one dict
            per `CHUNK` of steps: `"step"`, and the means of `"return"`, `"success"` and
            `"value"`.

    Returns:
        Total training time in seconds.
    """
    directory.mkdir(parents=True, exist_ok=True)
    updates = settings.steps // settings.update_every
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, updates)
    network.compile(
        keras.optimizers.Adam(schedule),
        loss={name: keras.losses.Huber() for name in _heads(network)},
    )
    learner = Learner(network, environment, settings)
    checkpoint = Checkpoint(directory, {MODEL: network}, extra=learner)
    checkpoint.restore()
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
    checkpoint.on_train_end()
    return checkpoint.seconds
