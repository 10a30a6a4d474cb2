"""Unit motions: what an agent may do to an alignment, and how far it then is off."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class RigidMotions:
    """Small translations and rotations of the fixed image, each both ways.

    Action `2 k` moves by plus, `2 k + 1` by minus one unit of degree of freedom `k`:
    the D translations, then the rotations about the axes of the world.

    Args:
        ndim: 2 or 3.
        shift: float > 0. A unit of translation in mm.
        angle: float > 0. A unit of rotation in degrees.

    Example:
        >>> motions = RigidMotions(3, shift=1.0, angle=1.0)
        >>> motions.count
        12
        >>> centre = np.zeros(3)
        >>> moved = motions.apply(0, np.eye(4), centre)
        >>> motions.residual(moved, np.eye(4), centre).tolist()
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
        """Translations and rotations that there are."""
        return self.ndim * (self.ndim + 1) // 2

    def matrix(self, units, centre):
        """Make a motion.

        Args:
            units: array `(degrees_of_freedom,)`, how many units of each; rotations are
                one rotation vector.
            centre: array `(D,)`, the point in mm to turn about.

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
        matrix[:-1, -1] = centre + shift - matrix[:-1, :-1] @ centre
        return matrix

    def apply(self, action, alignment, centre):
        """Take an action.

        Args:
            action: int in `[0, count)`.
            alignment: matrix `(D + 1, D + 1)` from fixed to moving world.
            centre: array `(D,)`, the point in the fixed world to turn about.

        Returns:
            The alignment after it.
        """
        units = np.zeros(self.degrees_of_freedom)
        units[action // 2] = 1 - 2 * (action % 2)
        return alignment @ self.matrix(units, centre)

    def residual(self, alignment, truth, centre):
        """Measure how far an alignment is from the truth.

        Args:
            alignment: matrix `(D + 1, D + 1)` from fixed to moving world.
            truth: likewise.
            centre: array `(D,)`, the point that actions turn about.

        Returns:
            Array `(degrees_of_freedom,)`: where the centre goes, and the rotation
            vector, in units, of what the alignment does beyond the truth.
        """
        from scipy.spatial.transform import Rotation

        error = np.linalg.solve(truth, alignment)
        shift = error[:-1, :-1] @ centre + error[:-1, -1] - centre
        turn = np.eye(3)
        turn[: self.ndim, : self.ndim] = error[:-1, :-1]
        vector = Rotation.from_matrix(turn).as_rotvec(degrees=True)
        rotations = self.degrees_of_freedom - self.ndim
        return np.concatenate([shift / self.shift, vector[-rotations:] / self.angle])


def optimal_q_values(residuals, discount=0.9, tolerance=0.5, bonus=10.0, horizon=60):
    """What each action is worth when the shortest way is taken after it.

    An action changes one entry of the residual by 1; its reward is by how much that
    lessens the residual's length, and `bonus` beside it where every entry is then
    within `tolerance`, which ends the way (Liao et al., AAAI 2017, section 3.2; there
    the length is to be within it, which unit steps from real numbers never reach).

    Args:
        residuals: array `(B, K)` in units.
        discount: float in (0, 1].
        tolerance: float >= 0.5, of each entry.
        bonus: float.
        horizon: int. Steps after which what follows is left out.

    Returns:
        Array `(B, 2 K)`, values of the actions of `RigidMotions`.

    Raises:
        ValueError: when `tolerance` is below 0.5, and unit steps would not end.

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
        # The longest entry is what lessens the length the most.
        axis = np.abs(states).argmax(axis=1)
        rows = np.arange(len(states))
        step = np.where(open_ways, np.sign(states[rows, axis]), 0.0)
        states[rows, axis] -= step
        before, weight = length, weight * discount
    return values.reshape(batch, 2 * size)
