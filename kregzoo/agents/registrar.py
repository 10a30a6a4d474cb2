"""Registration by an agent that moves an image step by step."""

import dataclasses

import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.agents.actions import RigidMotions
from kregzoo.registrars.registrar import Registrar
from kregzoo.registrars.registration import Registration
from kregzoo.spatial import AffineTransform, Preprocessor
from kregzoo.utils.files import atomic
from kregzoo.utils.progress import progress_bar

# Voxels along the longest axis of an animation, and the maximum number of moves shown.
ANIMATED, FRAMES = 80, 8


class AgentRegistrar(Registrar):
    """Register by an agent that acts until it revisits a state or runs out of steps.

    The stages run coarse to fine, and each stage starts from the last result. An agent
    that revisits a state would cycle forever. In that case the result is the state of
    the cycle with the lowest Q-value, where the agent expects the least improvement.

    Args:
        model: Keras model that has the layers named by the stages.
        preprocessor: the `Preprocessor` that normalizes the intensities.
        stages: tuple of `Stage`.
        preset: the `Preset` that the network was loaded from. Defaults to none.
    """

    def __init__(self, model, preprocessor, stages, preset=None):
        super().__init__(model, preprocessor, preset)
        self.stages = tuple(stages)
        networks = [model.get_layer(stage.layer) for stage in self.stages]
        self._values = [ops.compiled(network, model=network) for network in networks]

    @classmethod
    def from_preset(cls, model, preset, recipe, **arguments):
        return super().from_preset(
            model, preset, recipe, stages=recipe.data.stages, **arguments
        )

    def _register(self, moving, fixed, pair, work, timer):
        if not isinstance(pair.initial, AffineTransform):
            raise ValueError(
                "`initial` must be an AffineTransform or None. "
                f"Received: {pair.initial!r}"
            )
        alignment, path = pair.initial.matrix, []
        extra = [0] * (len(self.stages) - 1) + [work.refine]
        budgets = [s.budget + more for s, more in zip(self.stages, extra, strict=True)]
        with progress_bar(sum(budgets), work.progress, "Acting") as advance:
            for stage, values, budget in zip(
                self.stages, self._values, budgets, strict=True
            ):
                steps = _roll_out(pair, stage, values, budget, alignment, advance)
                alignment = _converged(steps)
                path += steps
                timer.lap(stage.layer)
        transform = AffineTransform(alignment)
        return AgentRegistration(moving, fixed, transform, timer.seconds(), path)


@dataclasses.dataclass(frozen=True)
class Step:
    """Step of a trajectory: a state and the action taken.

    Args:
        stage: str. Layer of the stage.
        alignment: matrix `(D + 1, D + 1)` from fixed to moving world, before the
            action.
        state: tuple of ints. Units moved since the start of the stage.
        action: int. Action of `RigidMotions`.
        value: float. Q-value of the action.
    """

    stage: str
    alignment: np.ndarray
    state: tuple
    action: int
    value: float


class AgentRegistration(Registration):
    """Result of a registration by an agent, with the trajectory.

    Args:
        moving: the moving `Image`.
        fixed: the fixed `Image`.
        transform: world transform from fixed to moving.
        seconds: dict of the seconds that each stage took.
        path: list of `Step`, the trajectory.
    """

    def __init__(self, moving, fixed, transform, seconds, path):
        super().__init__(moving, fixed, transform, seconds)
        self.path = path

    def plot_path(self):
        """Plot the distance to the final state and the Q-value of each step.

        Returns:
            A matplotlib figure: remaining translations in mm, remaining rotations in
            degrees, and Q-values of the actions taken.
        """
        from matplotlib.figure import Figure

        ndim = self.fixed.grid.ndim
        unit, center = RigidMotions(ndim), self.fixed.grid.center
        end = self.transform.matrix
        left = [unit.residual(end, step.alignment, center) for step in self.path]
        left = np.array(left).reshape(-1, unit.degrees_of_freedom)
        figure = Figure(figsize=(8, 6), layout="constrained")
        shifts, turns, values = figure.subplots(3, 1, sharex=True)
        shifts.plot(left[:, :ndim])
        shifts.set_ylabel("mm to go")
        turns.plot(left[:, ndim:])
        turns.set_ylabel("degrees to go")
        values.plot([step.value for step in self.path], color="black")
        values.set_ylabel("value")
        values.set_xlabel("step")
        return figure

    def save_animation(self, path):
        """Write the trajectory as a GIF.

        The animation shows the middle slice across each axis, with the moving image in
        red and the fixed image in cyan, so that aligned structures are gray. It shows
        at most 8 evenly spaced steps, and the result.

        Args:
            path: `.gif` file, written atomically.
        """
        from matplotlib.animation import PillowWriter
        from matplotlib.figure import Figure

        grid = self.fixed.grid
        grid = grid.resampled(np.full(grid.ndim, grid.extent.max() / ANIMATED))
        fixed = _slices(self.fixed.resample(grid))
        every = -(-len(self.path) // FRAMES)
        alignments = [step.alignment for step in self.path[::every]]
        alignments.append(self.transform.matrix)
        figure = Figure(figsize=(2.5 * len(fixed), 2.5), layout="constrained")
        row = figure.subplots(1, len(fixed), squeeze=False)[0]
        writer = PillowWriter(fps=6)
        with atomic(path) as temporary, writer.saving(figure, str(temporary), 32):
            for alignment in alignments:
                warped = self.moving.resample(grid, AffineTransform(alignment))
                for axes, red, cyan in zip(row, _slices(warped), fixed, strict=True):
                    axes.clear()
                    axes.imshow(np.stack([red, cyan, cyan], -1).swapaxes(0, 1)[::-1])
                    axes.axis("off")
                writer.grab_frame()


def _slices(image):
    """Take the middle slice across each axis, or the whole 2-D image, in [0, 1]."""
    array = image.array.astype("float32")
    low, high = np.percentile(array, (1, 99))
    array = np.clip((array - low) / max(high - low, 1e-6), 0, 1)
    if array.ndim == 2:
        return [array]
    return [array.take(size // 2, axis) for axis, size in enumerate(array.shape)]


def _roll_out(pair, stage, values, budget, alignment, advance):
    """Run one stage: the steps up to the first revisited state, or all."""
    frame = Preprocessor(stage.spacing, (stage.shape,), None)
    view = stage.view(pair.moving, pair.fixed, frame.canonical_grid(pair.fixed))
    state = (0,) * stage.motions.degrees_of_freedom
    seen, steps = set(), []
    for _ in range(budget):
        found = values(kops.convert_to_tensor(view.observe(alignment)[None]))
        found = found["values"] if isinstance(found, dict) else found
        found = kops.convert_to_numpy(found)[0]
        action = int(found.argmax())
        steps.append(Step(stage.layer, alignment, state, action, float(found[action])))
        advance()
        if state in seen:
            break
        seen.add(state)
        state = _moved(state, action)
        alignment = stage.motions.apply(action, alignment, view.center)
    return steps


def _moved(state, action):
    units = list(state)
    units[action // 2] += 1 - 2 * (action % 2)
    return tuple(units)


def _converged(steps):
    """Choose the alignment with the lowest Q-value in the final cycle of a trajectory.

    If the trajectory does not end in a cycle, choose the last alignment.
    """
    states = [step.state for step in steps]
    cycle = steps[states.index(states[-1]) :]
    return min(cycle, key=lambda step: step.value).alignment
