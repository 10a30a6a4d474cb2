"""What registrars of networks have in common: the call, its checks, its timing."""

import abc

from kregzoo.presets.preset import derived_card
from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.registrars.export import export
from kregzoo.registrars.registration import Timer
from kregzoo.spatial import as_image


class Registrar(abc.ABC):
    """Registers two images by a network.

    A subclass says how in `_register`.

    Args:
        model: the network.
        preprocessor: the `Preprocessor` that it was trained with.
        preset: the `Preset` that the network was loaded from, if it was.
    """

    def __init__(self, model, preprocessor, preset=None):
        self.model = model
        self.preprocessor = preprocessor
        self.preset = preset

    def __repr__(self):
        name = f" {self.preset.name}" if self.preset else ""
        return f"<{type(self).__name__}{name}>"

    def _repr_markdown_(self):
        return self.preset.card() if self.preset else f"`{self!r}`"

    @property
    def metadata(self):
        """The preset's name and its `metadata.json`, as a dict; empty without one."""
        return {"name": self.preset.name, **self.preset.metadata} if self.preset else {}

    def save_preset(self, directory):
        """Write the network as it now is to a preset folder, such as one fine-tuned.

        Measured figures are left out: they were another network's. Measure it by
        `kregzoo evaluate DIRECTORY --data DATA --record`.

        Args:
            directory: path of the folder, made if it does not exist, for
                `kregzoo.load(directory)`.

        Returns:
            The folder, a `pathlib.Path`.

        Raises:
            ValueError: without a `preset`, which says how the network is built, or for
                the folder of this very preset.
        """
        if self.preset is None:
            raise ValueError(
                "Only a registrar that was loaded knows how its network is built. "
                f"Received: {self!r}"
            )
        preset = self.preset.derived(directory)
        preset.write(self.model, derived_card(preset))
        return preset.folder

    def export(self, directory, format="tf_saved_model", shape=None):
        """Write the network, its warp inside, to run without Keras and kregzoo.

        It takes one pair, in the canonical frame that `preprocessor` makes:
        intensities, orientation, spacing and shape; alignment, refinement and the way
        back to the world are not in it. `interface.json` beside it says the names and
        shapes of inputs and outputs. Of an agent it is the network of values alone,
        which takes what its stages show. TensorFlow exports; no other backend does.

        Args:
            directory: path of the folder, which must be new or empty.
            format: `"tf_saved_model"`, `"onnx"` (needs `kregzoo[export]`) or
                `"litert"`.
            shape: tuple of the images' spatial sizes, which are fixed in what is
                written; by default the network's own, or the largest that
                `preprocessor` makes.

        Returns:
            `pathlib.Path` of `saved_model`, `network.onnx` or `network.tflite`.

        Raises:
            ValueError: on another backend than TensorFlow, for an unknown `format`, a
                `shape` that does not suit, a folder that holds something, or an
                operation that LiteRT lacks, such as pooling in 3-D.
            ImportError: without what the format needs.
        """
        return export(self.model, self.preprocessor, directory, format, shape)

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
