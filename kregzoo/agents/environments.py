"""Registration as a game: gymnasium environments that any agent can be trained on."""

import dataclasses

import gymnasium
import numpy as np


@dataclasses.dataclass(frozen=True)
class Case:
    """A pair to register, and the answer.

    Args:
        view: what shows the pair under an alignment, such as a `VolumeView`: its
            `observe(matrix)` gives an array of its `shape`, and actions turn about its
            `centre`.
        truth: matrix `(D + 1, D + 1)` from fixed to moving world.
    """

    view: object
    truth: np.ndarray


@dataclasses.dataclass(frozen=True)
class Rewards:
    """What a step is rewarded by.

    A step earns by how much it lessens the length of the residual, in units; the last
    one of an episode earns `success` where every entry of the residual is within
    `tolerance`, or `failure` where one is beyond `limit`.

    Args:
        tolerance: float, in units.
        limit: float, in units.
        success: float.
        failure: float.
        clip: float. What a step's own reward stays within.
    """

    tolerance: float = 0.5
    limit: float = np.inf
    success: float = 10.0
    failure: float = -10.0
    clip: float = np.inf


class RegistrationEnvironment(gymnasium.Env):
    """An episode is a registration: a random start, unit motions, and an end.

    An observation is a float32 array of the view's shape, an action an int of
    `RigidMotions`. `info` holds `"residual"`, in units, `"step_reward"` and
    `"terminal_reward"`, whose sum is the reward. An episode ends when it has arrived
    or left the limits, and is cut after `budget` steps. For many episodes side by side
    there is `gymnasium.vector.SyncVectorEnv`.

    Args:
        cases: list of `Case`, of views of one shape; an episode draws one.
        motions: the `RigidMotions`.
        start: the `Pose` whose draws displace the truth at the start.
        rewards: the `Rewards`.
        budget: int. Most steps of an episode.
        render_mode: None or `"rgb_array"`.

    Example:
        >>> from kregzoo.spatial import Grid, Image
        >>> from kregzoo.agents.actions import RigidMotions
        >>> from kregzoo.agents.observations import VolumeView
        >>> from kregzoo.training import Pose
        >>> image = Image.from_array(np.random.rand(8, 8, 8))
        >>> case = Case(VolumeView(image, image, image.grid), np.eye(4))
        >>> game = RegistrationEnvironment([case], RigidMotions(3), Pose(shift=2.0))
        >>> observation, info = game.reset(seed=0)
        >>> observation.shape, game.action_space
        ((8, 8, 8, 2), Discrete(12))
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(
        self, cases, motions, start, rewards=None, budget=200, render_mode=None
    ):
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(
                f'`render_mode` must be None or "rgb_array". Received: {render_mode!r}'
            )
        self.cases = list(cases)
        self.motions = motions
        self.start = start
        self.rewards = rewards or Rewards()
        self.budget = budget
        self.render_mode = render_mode
        self.action_space = gymnasium.spaces.Discrete(motions.count)
        self.observation_space = gymnasium.spaces.Box(
            -np.inf, np.inf, self.cases[0].view.shape, "float32"
        )

    @property
    def grid(self):
        """The `Grid` that the first case is looked at on."""
        return self.cases[0].view.grid

    def reset(self, *, seed=None, options=None):
        """Begin an episode.

        Args:
            seed: int of all the episodes from this one on; None to go on.
            options: dict; `"case"` and `"alignment"` set what else is drawn.

        Returns:
            The observation and `info`.
        """
        super().reset(seed=seed)
        options = options or {}
        number = options.get("case", self.np_random.integers(len(self.cases)))
        self.case = self.cases[number]
        drawn = self.start.draw(self.np_random, self.case.view.centre)
        self.alignment = options.get("alignment", self.case.truth @ drawn)
        self.steps = 0
        return self._observation(), {"residual": self._residual()}

    def step(self, action):
        """Take an action.

        Args:
            action: int.

        Returns:
            Observation, reward, whether the episode has ended, whether it was cut, and
            `info`.
        """
        before = self._residual()
        centre = self.case.view.centre
        self.alignment = self.motions.apply(int(action), self.alignment, centre)
        self.steps += 1
        after = self._residual()
        gain = np.linalg.norm(before) - np.linalg.norm(after)
        step_reward = float(np.clip(gain, -self.rewards.clip, self.rewards.clip))
        arrived = np.abs(after).max() <= self.rewards.tolerance
        lost = np.abs(after).max() > self.rewards.limit
        terminal_reward = self.rewards.success * arrived + self.rewards.failure * lost
        info = {
            "residual": after,
            "step_reward": step_reward,
            "terminal_reward": float(terminal_reward),
        }
        reward = step_reward + info["terminal_reward"]
        ended = bool(arrived or lost)
        cut = not ended and self.steps >= self.budget
        return self._observation(), reward, ended, cut, info

    def render(self):
        """The middle slices of the observation's channels side by side, uint8 RGB."""
        if self.render_mode != "rgb_array":
            return None
        picture = self._observation()
        while picture.ndim > 3:
            picture = picture[:, :, picture.shape[2] // 2]
        picture = np.concatenate(np.moveaxis(picture, -1, 0), axis=1)
        low, high = picture.min(), picture.max()
        grey = 255 * (picture - low) / max(high - low, 1e-6)
        return np.repeat(grey.astype("uint8")[..., None], 3, axis=-1)

    def _observation(self):
        return self.case.view.observe(self.alignment).astype("float32")

    def _residual(self):
        centre = self.case.view.centre
        return self.motions.residual(self.alignment, self.case.truth, centre)
