"""Registration by a network whose discriminator also judges alignments."""

import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.registrars.one_step import OneStepRegistrar
from kregzoo.spatial import AffineTransform, as_image


class QualityScoringRegistrar(OneStepRegistrar):
    """Registers, and says how well aligned two images look.

    The network has a layer `"discriminator"`, a model called on `{"warped", "fixed"}`
    whose mean output is high for aligned images.

    Args:
        *args: of `OneStepRegistrar`.
        **kwargs: of `OneStepRegistrar`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        discriminator = self.model.get_layer("discriminator")
        self._judge = ops.compiled(discriminator, model=discriminator)

    def quality(self, moving, fixed, transform=None):
        """Judge an alignment, by whatever method it was found.

        Args:
            moving: path, nibabel image, array or `kregzoo.spatial.Image`.
            fixed: likewise.
            transform: transform from fixed to moving world. Defaults to the identity:
                the images as they lie in their common world.

        Returns:
            float, higher for better alignments of the same pair; it has no unit.

        Raises:
            ValueError: for an image or a transform that is not usable, naming the
                argument.
        """
        moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
        if transform is None:
            transform = AffineTransform(np.eye(fixed.grid.ndim + 1))
        pair = CanonicalPair(self.preprocessor, moving, fixed, transform).tensors()
        score = self._judge({"warped": pair["moving"], "fixed": pair["fixed"]})
        return float(kops.mean(score))
