"""Base class of the registrars that use a network."""

import abc

from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.registrars.loaded_network import LoadedNetwork
from kregzoo.registrars.registration import Timer
from kregzoo.spatial import as_image


class Registrar(LoadedNetwork, abc.ABC):
    """Register two images with a network.

    Subclasses implement `_register`. See `LoadedNetwork` for the arguments.
    """

    capabilities = frozenset({"refine"})

    def register(
        self,
        moving,
        fixed,
        *,
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

        Raises:
            ValueError: If an image or a transform is unusable (the message names the
                argument), or `refine` is negative.
        """
        if refine < 0:
            raise ValueError(f"`refine` must not be negative. Received: {refine}")
        timer = Timer()
        moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
        pair = CanonicalPair(
            self.preprocessor, moving, fixed, initial, moving_mask, fixed_mask
        )
        timer.lap("read")
        return self._register(moving, fixed, pair, refine, progress, timer)

    @abc.abstractmethod
    def _register(self, moving, fixed, pair, refine, progress, timer):
        """Make the `Registration` of two `Image` and their `CanonicalPair`."""
