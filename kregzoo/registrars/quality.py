"""Registration by a network with a discriminator that scores alignments."""

import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.registrars.one_step import OneStepRegistrar
from kregzoo.spatial import AffineTransform, as_image


class QualityScoringRegistrar(OneStepRegistrar):
    """Register images, and score the quality of alignments.

    The network needs a layer `"discriminator"`, a model called on
    `{"warped": ..., "fixed": ...}` whose mean output is high for aligned images.

    Args:
        *args: Arguments of `OneStepRegistrar`.
        **kwargs: Arguments of `OneStepRegistrar`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        discriminator = self.model.get_layer("discriminator")
        self._score = ops.compiled(discriminator, model=discriminator)

    def quality(self, moving, fixed, transform=None):
        """Score the alignment of two images, found by any method.

        Args:
            moving: path, nibabel image, array or `kregzoo.spatial.Image`.
            fixed: like `moving`.
            transform: transform from fixed to moving world. Defaults to the identity,
                for images that share a world.

        Returns:
            float without a unit, higher for better alignments of the same pair.

        Raises:
            ValueError: If an image or a transform is unusable. The message names the
                argument.
        """
        moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
        if transform is None:
            transform = AffineTransform(np.eye(fixed.grid.ndim + 1))
        pair = CanonicalPair(self.preprocessor, moving, fixed, transform).tensors()
        score = self._score({"warped": pair["moving"], "fixed": pair["fixed"]})
        return float(kops.mean(score))
