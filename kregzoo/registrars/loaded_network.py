"""Base class of loaded networks."""

from kregzoo.presets.preset import fine_tuned_card
from kregzoo.registrars.export import export


class LoadedNetwork:
    """Network with the preprocessing of raw images.

    Args:
        model: the Keras model.
        preprocessor: the `Preprocessor` that the network was trained with.
        preset: the `Preset` that the network was loaded from. Defaults to none.

    Attributes:
        capabilities: frozenset of str. Additional features: `"refine"` (it has the
            argument `refine`), `"passes"` (it can run several times), `"export"` (it
            can be exported as a whole), `"search"` (it searches by a learned metric).
    """

    capabilities = frozenset()

    def __init__(self, model, preprocessor, preset=None):
        self.model = model
        self.preprocessor = preprocessor
        self.preset = preset

    @classmethod
    def from_preset(cls, model, preset, recipe, **arguments):
        """Make an instance from a preset.

        Args:
            model: the Keras model, with its weights.
            preset: the `Preset`.
            recipe: the `Recipe` that trained the network.
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
        """Dict of the preset name and the content of `metadata.json`, may be empty."""
        return {"name": self.preset.name, **self.preset.metadata} if self.preset else {}

    def save_preset(self, directory):
        """Write the network to a new preset folder, for example after fine-tuning.

        The measured metrics are not copied, because they belong to the original
        network. To measure the new network, run
        `kregzoo evaluate DIRECTORY --data DATA --record`.

        Args:
            directory: path of the folder, created if it does not exist. It can be
                loaded by `kregzoo.load(directory)`.

        Returns:
            The folder, a `pathlib.Path`.

        Raises:
            ValueError: If the network was not loaded from a preset, or `directory` is
                the folder of that preset.
        """
        if self.preset is None:
            raise ValueError(
                "Only networks loaded from a preset can be saved: use `kregzoo.load`. "
                f"Received: {self!r}"
            )
        preset = self.preset.fine_tuned(directory)
        preset.write(self.model, fine_tuned_card(preset))
        return preset.folder

    def export(self, directory, format="tf_saved_model", shape=None):
        """Export the network, including the warp, to run without Keras and kregzoo.

        The exported network takes one pair in the canonical frame of `preprocessor`
        (intensities, orientation, spacing and shape). It does not include initial
        alignment, refinement, or the transform back to world coordinates.
        `interface.json` in the same folder lists the names and shapes of inputs and
        outputs. For an agent, only the Q-network is exported, which takes the
        observations of the stages. Export needs the TensorFlow backend.

        Args:
            directory: path of the folder, which must be new or empty.
            format: `"tf_saved_model"`, `"onnx"` (needs `kregzoo[export]`) or
                `"litert"`.
            shape: tuple of the spatial sizes of the images, which are fixed in the
                exported network. Defaults to the sizes of the network, or the largest
                shape of `preprocessor`.

        Returns:
            `pathlib.Path` of `saved_model`, `network.onnx` or `network.tflite`.

        Raises:
            ValueError: If the backend is not TensorFlow, `format` is unknown, `shape`
                does not suit the network, the folder is not empty, or LiteRT lacks an
                operation of the network, for example 3-D pooling.
            ImportError: If a package that the format needs is not installed.
        """
        return export(self.model, self.preprocessor, directory, format, shape)
