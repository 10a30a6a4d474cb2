"""Gymnasium environments for registration agents."""

import dataclasses

import gymnasium
import numpy as np


@dataclasses.dataclass(frozen=True)
class EpisodeCase:
    """Pair to register, with the ground truth.

    Args:
        view: a view of the pair, for example a `VolumeView`. It needs a method
            `observe(matrix)` and the attributes `shape` (of an observation) and
            `center` (of rotation).
        truth: ground truth matrix `(D + 1, D + 1)` from fixed to moving world.
    """

    view: object
    truth: np.ndarray


@dataclasses.dataclass(frozen=True)
class Rewards:
    """Rewards of an episode.

    The reward of a step is the decrease of the length of the residual, in units. The
    last step also earns `success` if every entry of the residual is within `tolerance`,
    or `failure` if an entry exceeds `limit`.

    Args:
        tolerance: float. Tolerance of each entry of the residual, in units.
        limit: float. Largest entry of the residual, in units.
        success: float. Terminal reward at the goal.
        failure: float. Terminal reward beyond the limit.
        clip: float. Largest absolute value of a step reward.
    """

    tolerance: float = 0.5
    limit: float = np.inf
    success: float = 10.0
    failure: float = -10.0
    clip: float = np.inf


class RegistrationEnvironment(gymnasium.Env):
    """Environment whose episodes are registrations from a random start.

    An observation is a float32 array of the shape of the view. An action is an int of
    `RigidMotions`. `info` holds `"residual"`, in units, `"step_reward"` and
    `"terminal_reward"`. The reward is the sum of the step reward and the terminal
    reward. An episode terminates at the goal or beyond the limit, and is truncated
    after `budget` steps. To run many episodes side by side, use
    `gymnasium.vector.SyncVectorEnv`.

    Args:
        cases: list of `EpisodeCase` with views of one shape. Each episode draws one.
        motions: the `RigidMotions`.
        start: the `Pose` that displaces the ground truth at the start.
        rewards: the `Rewards`.
        budget: int. Maximum number of steps of an episode.
        render_mode: None or `"rgb_array"`.

    Raises:
        ValueError: If `render_mode` is unknown.

    Example:
        >>> from kregzoo.spatial import Grid, Image
        >>> from kregzoo.agents.actions import RigidMotions
        >>> from kregzoo.agents.observations import VolumeView
        >>> from kregzoo.training import Pose
        >>> image = Image.from_array(np.random.rand(8, 8, 8))
        >>> case = EpisodeCase(VolumeView(image, image, image.grid), np.eye(4))
        >>> environment = RegistrationEnvironment(
        ...     [case], RigidMotions(3), Pose(shift=2.0)
        ... )
        >>> observation, info = environment.reset(seed=0)
        >>> observation.shape, environment.action_space
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
        """The `Grid` of the view of the first case."""
        return self.cases[0].view.grid

    def reset(self, *, seed=None, options=None):
        """Start an episode.

        Args:
            seed: int. Seed of this and all later episodes. None keeps the generator.
            options: dict. `"case"` (an index) and `"alignment"` (a matrix) replace the
                random draws.

        Returns:
            The observation and `info`.
        """
        super().reset(seed=seed)
        options = options or {}
        number = options.get("case", self.np_random.integers(len(self.cases)))
        self.case = self.cases[number]
        drawn = self.start.draw(self.np_random, self.case.view.center)
        self.alignment = options.get("alignment", self.case.truth @ drawn)
        self.steps = 0
        return self._observation(), {"residual": self._residual()}

    def step(self, action):
        """Take an action.

        Args:
            action: int.

        Returns:
            Observation, reward, whether the episode terminated, whether it was
            truncated, and `info`.
        """
        before = self._residual()
        center = self.case.view.center
        self.alignment = self.motions.apply(int(action), self.alignment, center)
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
        """Draw the middle slice of each channel side by side, as a uint8 RGB array."""
        if self.render_mode != "rgb_array":
            return None
        picture = self._observation()
        while picture.ndim > 3:
            picture = picture[:, :, picture.shape[2] // 2]
        picture = np.concatenate(np.moveaxis(picture, -1, 0), axis=1)
        low, high = picture.min(), picture.max()
        gray = 255 * (picture - low) / max(high - low, 1e-6)
        return np.repeat(gray.astype("uint8")[..., None], 3, axis=-1)

    def _observation(self):
        return self.case.view.observe(self.alignment).astype("float32")

    def _residual(self):
        center = self.case.view.center
        return self.motions.residual(self.alignment, self.case.truth, center)
