"""What registrars of networks have in common: the call, its checks, its timing."""

import abc

from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.registrars.loaded_network import LoadedNetwork
from kregzoo.registrars.registration import Timer
from kregzoo.spatial import as_image


class Registrar(LoadedNetwork, abc.ABC):
    """Registers two images by a network.

    A subclass says how in `_register`. See `LoadedNetwork` for the arguments.
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
            fixed: likewise.
            refine: int. Iterations on this pair, or steps of an agent, beyond what the
                registrar does by itself.
            initial: transform from fixed to moving world to start from, in place of the
                registrar's own alignment. An agent's must be affine.
            moving_mask: mask image in the moving space: where it is 0, alignment and
                refinement do not look. Networks do not read it.
            fixed_mask: likewise, in the fixed space.
            progress: bool. Show progress bars.

        Returns:
            A `Registration`; of an agent, with the path that it took.

        Raises:
            ValueError: for an image or a transform that is not usable, naming the
                argument, or a negative `refine`.
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
        """Give the `Registration` of two `Image`, from their `CanonicalPair`."""
