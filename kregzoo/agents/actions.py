"""Actions of an agent: rigid unit motions, and the optimal Q-values."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class RigidMotions:
    """Actions that translate or rotate by one unit along one degree of freedom.

    Action `2 k` moves by plus one unit, action `2 k + 1` by minus one unit, along
    degree of freedom `k`: the D translations, then the rotations about the world axes.

    Args:
        ndim: int. 2 or 3 dimensions.
        shift: float > 0. Unit of translation in mm.
        angle: float > 0. Unit of rotation in degrees.

    Example:
        >>> motions = RigidMotions(3, shift=1.0, angle=1.0)
        >>> motions.count
        12
        >>> center = np.zeros(3)
        >>> moved = motions.apply(0, np.eye(4), center)
        >>> motions.residual(moved, np.eye(4), center).tolist()
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    ndim: int = 3
    shift: float = 1.0
    angle: float = 1.0

    @property
    def count(self):
        """Number of actions."""
        return 2 * self.degrees_of_freedom

    @property
    def degrees_of_freedom(self):
        """Number of translations and rotations."""
        return self.ndim * (self.ndim + 1) // 2

    def matrix(self, units, center):
        """Make the matrix of a motion.

        Args:
            units: array `(degrees_of_freedom,)`. Number of units along each degree of
                freedom; the rotations form one rotation vector.
            center: array `(D,)`, the center of rotation in mm.

        Returns:
            Matrix `(D + 1, D + 1)` in world mm.
        """
        from scipy.spatial.transform import Rotation

        units = np.asarray(units, "float64")
        vector = np.zeros(3)
        vector[-len(units[self.ndim :]) :] = units[self.ndim :] * self.angle
        turn = Rotation.from_rotvec(vector, degrees=True).as_matrix()
        matrix = np.eye(self.ndim + 1)
        matrix[:-1, :-1] = turn[: self.ndim, : self.ndim]
        shift = units[: self.ndim] * self.shift
        matrix[:-1, -1] = center + shift - matrix[:-1, :-1] @ center
        return matrix

    def apply(self, action, alignment, center):
        """Apply an action to an alignment.

        Args:
            action: int in `[0, count)`.
            alignment: matrix `(D + 1, D + 1)` from fixed to moving world.
            center: array `(D,)`, the center of rotation in the fixed world.

        Returns:
            The alignment after the action.
        """
        units = np.zeros(self.degrees_of_freedom)
        units[action // 2] = 1 - 2 * (action % 2)
        return alignment @ self.matrix(units, center)

    def residual(self, alignment, truth, center):
        """Compute the residual of an alignment to the ground truth.

        Args:
            alignment: matrix `(D + 1, D + 1)` from fixed to moving world.
            truth: ground truth matrix `(D + 1, D + 1)` from fixed to moving world.
            center: array `(D,)`, the center of rotation of the actions.

        Returns:
            Array `(degrees_of_freedom,)`: the displacement of the center and the
            rotation vector of the residual, in units.
        """
        from scipy.spatial.transform import Rotation

        error = np.linalg.solve(truth, alignment)
        shift = error[:-1, :-1] @ center + error[:-1, -1] - center
        turn = np.eye(3)
        turn[: self.ndim, : self.ndim] = error[:-1, :-1]
        vector = Rotation.from_matrix(turn).as_rotvec(degrees=True)
        rotations = self.degrees_of_freedom - self.ndim
        return np.concatenate([shift / self.shift, vector[-rotations:] / self.angle])


def optimal_q_values(residuals, discount=0.9, tolerance=0.5, bonus=10.0, horizon=60):
    """Compute the Q-values of all actions for the optimal policy.

    An action changes one entry of the residual by 1. The reward is the decrease of the
    length of the residual, plus `bonus` if every entry is then within `tolerance`,
    which ends the trajectory. After the action, the policy always reduces the largest
    entry. In Liao et al., AAAI 2017, section 3.2, the length must be within the
    tolerance instead, which unit steps from arbitrary residuals often cannot reach.

    Args:
        residuals: array `(B, K)` in units.
        discount: float in (0, 1].
        tolerance: float >= 0.5. Tolerance of each entry, in units.
        bonus: float. Reward at the goal.
        horizon: int. Number of steps summed.

    Returns:
        Array `(B, 2 K)`, values of the actions of `RigidMotions`.

    Raises:
        ValueError: If `tolerance` is below 0.5, which unit steps may never reach.

    Example:
        >>> values = optimal_q_values(np.array([[3.0, 0.0]]))
        >>> int(values[0].argmax())
        1
    """
    if tolerance < 0.5:
        raise ValueError(
            f"`tolerance` must be at least 0.5. Received: tolerance={tolerance}"
        )
    residuals = np.asarray(residuals, "float64")
    batch, size = residuals.shape
    steps = np.repeat(np.eye(size), 2, axis=0) * np.tile([1.0, -1.0], size)[:, None]
    states = (residuals[:, None] + steps).reshape(-1, size)
    before = np.repeat(np.linalg.norm(residuals, axis=1), 2 * size)
    values = np.zeros(len(states))
    weight, open_ways = 1.0, np.ones(len(states), bool)
    for _ in range(horizon):
        length = np.linalg.norm(states, axis=1)
        arrived = np.abs(states).max(axis=1) <= tolerance
        values += open_ways * weight * (before - length + bonus * arrived)
        open_ways &= ~arrived
        # Reducing the largest entry decreases the length the most.
        axis = np.abs(states).argmax(axis=1)
        rows = np.arange(len(states))
        step = np.where(open_ways, np.sign(states[rows, axis]), 0.0)
        states[rows, axis] -= step
        before, weight = length, weight * discount
    return values.reshape(batch, 2 * size)
