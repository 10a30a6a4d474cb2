"""What loaded networks have in common, whatever their task."""

from kregzoo.presets.preset import derived_card
from kregzoo.registrars.export import export


class LoadedNetwork:
    """Network with what is needed to use it on raw images.

    Args:
        model: the Keras model.
        preprocessor: the `Preprocessor` that it was trained with.
        preset: the `Preset` that it was loaded from, if it was.

    Attributes:
        capabilities: frozenset of str. What it can do beside the verb of its task:
            `"refine"` by the argument of this name, `"export"` the whole network,
            `"search"` by a learned metric.
    """

    capabilities = frozenset()

    def __init__(self, model, preprocessor, preset=None):
        self.model = model
        self.preprocessor = preprocessor
        self.preset = preset

    @classmethod
    def from_preset(cls, model, preset, recipe, **arguments):
        """Make it from a preset.

        Args:
            model: the Keras model, with its weights.
            preset: the `Preset`.
            recipe: the `Recipe` that the network was trained by.
            **arguments: Arguments of the class that the preset does not determine.

        Returns:
            An instance of the class.
        """
        return cls(model, preset.preprocessor, preset=preset, **arguments)

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
