"""Choice of a preset for a pair of images."""

import dataclasses
import functools

from kregzoo.presets.preset import Preset, installed_presets
from kregzoo.registrars import classical
from kregzoo.spatial import Preprocessor, as_image
from kregzoo.spatial.image_features import image_features, unusual_features
from kregzoo.zoo.cards import ONE_PASS

# The name that stands for the choice.
AUTO = "auto"
# How pairs are registered that resemble no training images.
METHOD, METRIC = "deformable", "mi"


@dataclasses.dataclass(frozen=True)
class Choice:
    """How a pair is registered.

    Args:
        preset: str. Name of the preset, or None for a registration without a network.
        reason: str. One sentence.
    """

    preset: str | None
    reason: str


class AutoRegistrar:
    """Register each pair by a preset that was trained on such images.

    A preset suits a pair if the features of both images are within the ranges of its
    training images, see `kregzoo.spatial.image_features`. Of several, a deformable one
    is taken, with the highest overlap on its own held-out pairs. A pair that suits no
    preset is registered without a network, see `kregzoo.register`.

    Attributes:
        choice: the `Choice` of the last registration, None before the first.

    Example:
        >>> import numpy as np
        >>> registrar = AutoRegistrar()
        >>> image = np.random.default_rng(0).random((64, 64))
        >>> registrar.choose(image, image).preset is None
        True
    """

    def __init__(self):
        self.choice = None

    def choose(self, moving, fixed):
        """Choose how to register a pair.

        Args:
            moving: path, nibabel image, array or `kregzoo.spatial.Image`.
            fixed: like `moving`.

        Returns:
            A `Choice`.
        """
        images = as_image(moving, "moving"), as_image(fixed, "fixed")
        dimensions = {image.grid.ndim for image in images}
        suiting = []
        for frame, presets in _presets_by_frame().items():
            if dimensions == {frame.ndim}:
                features = [image_features(frame.normalize(image)) for image in images]
                suiting += [preset for preset in presets if _suits(preset, features)]
        if not suiting:
            return Choice(
                None,
                "No preset was trained on such images: registered without a network, "
                f"{METHOD}, by mutual information.",
            )
        best = max(suiting, key=_rank)
        kind = best.metadata["images"]["summary"]
        return Choice(best.name, f"{best.name} was trained on such images: {kind}.")

    def register(self, moving, fixed, *, passes=None, refine=0, **kwargs):
        """Register two images by the preset that `choose` chooses.

        Args:
            moving: path, nibabel image, array or `kregzoo.spatial.Image`.
            fixed: like `moving`.
            passes: int. Passes of the network, see `Registrar.register`.
            refine: int. Steps of refinement, see `Registrar.register`.
            **kwargs: Other arguments of `Registrar.register`.

        Returns:
            A `Registration`.

        Raises:
            ValueError: If an image or a transform is unusable, or `passes` or `refine`
                is given for a pair that suits no preset.
        """
        moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
        self.choice = self.choose(moving, fixed)
        if self.choice.preset is None:
            if passes or refine:
                raise ValueError(
                    "`passes` and `refine` need a preset, and none was trained on such "
                    "images: leave them out, or choose a preset. "
                    f"Received: passes={passes}, refine={refine}"
                )
            return classical.register(moving, fixed, METHOD, METRIC, **kwargs)
        registrar = _loaded(self.choice.preset)
        return registrar.register(moving, fixed, passes=passes, refine=refine, **kwargs)


@functools.cache
def _loaded(name):
    # Here, because `loading` imports this module.
    from kregzoo.zoo.loading import load

    return load(name)


@functools.cache
def _presets_by_frame():
    """Read the installed presets that register pairs and know their images.

    Returns:
        Dict of lists of `Preset` by a `Preprocessor` that normalizes as theirs do.
    """
    found = {}
    for folder in installed_presets().values():
        preset = Preset.read(folder)
        if preset.metadata["task"] == "register" and preset.metadata.get("features"):
            own = preset.preprocessor
            frame = Preprocessor(1.0, ((1,) * own.ndim,), percentile=own.percentile)
            found.setdefault(frame, []).append(preset)
    return found


def _suits(preset, features):
    """Check if both images are like those that the preset was trained on."""
    ranges = preset.metadata["features"]
    return not any(
        unusual_features(found, ranges[role])
        for role, found in zip(("moving", "fixed"), features, strict=True)
    )


def _rank(preset):
    """Make the key by which presets are compared: the highest is taken."""
    metadata = preset.metadata
    own = metadata["metrics"].get(metadata["data"]["name"], {})
    dice = own.get(ONE_PASS, {}).get("dice", 0.0)
    linear = metadata["predicts"].startswith("rigid") or (
        metadata["predicts"] == "affine"
    )
    return not linear, dice[0] if isinstance(dice, list) else dice
