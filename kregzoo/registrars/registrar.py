"""Base class of the registrars that use a network."""

import abc
import dataclasses

from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.registrars.checks import judge
from kregzoo.registrars.loaded_network import LoadedNetwork
from kregzoo.registrars.registration import Timer
from kregzoo.spatial import as_image


class Registrar(LoadedNetwork, abc.ABC):
    """Register two images with a network.

    Subclasses implement `_register`. See `LoadedNetwork` for the arguments.
    """

    capabilities = frozenset({"refine"})
    passes = 1

    def register(
        self,
        moving,
        fixed,
        *,
        passes=None,
        refine=0,
        initial=None,
        moving_mask=None,
        fixed_mask=None,
        progress=True,
    ):
        """Register two images.

        Args:
            moving: path, nibabel image, array or `kregzoo.spatial.Image`, in any
                orientation and spacing.
            fixed: like `moving`.
            passes: int. Passes of a network that predicts a displacement or a
                velocity. From the second on, the network receives the moving image
                warped so far, and the transforms are composed. Defaults to
                `registrar.passes`. Other networks always run once.
            refine: int. Additional iterations on this pair, or additional steps of an
                agent.
            initial: transform from fixed to moving world to start from, instead of the
                initial alignment by the registrar. Agents need an affine transform.
            moving_mask: mask image in the moving space. Alignment and refinement ignore
                voxels at 0. Networks do not use the mask.
            fixed_mask: like `moving_mask`, in the fixed space.
            progress: bool. Show progress bars.

        Returns:
            A `Registration`. Agents return an `AgentRegistration` with the trajectory.
            If it cannot be trusted, its `warnings` say why, and a `RegistrationWarning`
            is issued.

        Raises:
            ValueError: If an image or a transform is unusable (the message names the
                argument), `refine` is negative, `passes` is below 1, or it is given
                to a network that runs once.
        """
        if passes is not None and "passes" not in self.capabilities:
            raise ValueError(
                "`passes` is for networks that predict a displacement or a velocity: "
                f"leave it out. Received: passes={passes} for {self!r}"
            )
        passes = self.passes if passes is None else passes
        if passes < 1:
            raise ValueError(f"`passes` must be at least 1. Received: {passes}")
        if refine < 0:
            raise ValueError(f"`refine` must not be negative. Received: {refine}")
        timer = Timer()
        moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
        pair = CanonicalPair(
            self.preprocessor, moving, fixed, initial, moving_mask, fixed_mask
        )
        timer.lap("read")
        work = Work(passes, refine, progress)
        result = self._register(moving, fixed, pair, work, timer)
        return judge(result, pair, timer, self.metadata.get("features"))

    @abc.abstractmethod
    def _register(self, moving, fixed, pair, work, timer):
        """Make the `Registration` of two `Image` and their `CanonicalPair`.

        Args:
            moving: the moving `Image`.
            fixed: the fixed `Image`.
            pair: their `CanonicalPair`.
            work: the `Work` to do.
            timer: the `Timer`, which has measured the stage `"read"`.
        """


@dataclasses.dataclass(frozen=True)
class Work:
    """How much a registrar does to register a pair, see `Registrar.register`.

    Args:
        passes: int. Passes of the network.
        refine: int. Additional iterations or steps.
        progress: bool. Show progress bars.
    """

    passes: int
    refine: int
    progress: bool
