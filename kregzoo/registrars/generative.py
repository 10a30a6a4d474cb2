"""Registration by a generative model of deformations."""

import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.registrars.one_step import OneStepRegistrar
from kregzoo.registrars.registration import Registration, Timer, field_transform
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    VelocityTransform,
    as_image,
)


class GenerativeRegistrar(OneStepRegistrar):
    """Register images, sample deformations, and transport a deformation.

    The network needs a layer `"encoder"`, which maps both images to the means and
    log-variances of latent variables, and a layer `"decoder"`, which maps latent
    variables and a moving image to a velocity (Krebs et al., IEEE TMI 2019).

    Args:
        *args: Arguments of `OneStepRegistrar`.
        **kwargs: Arguments of `OneStepRegistrar`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._encode, self._decode = (
            ops.compiled(part, model=part)
            for part in map(self.model.get_layer, ("encoder", "decoder"))
        )

    def sample(self, image, count=1, seed=0):
        """Sample deformations of an image from the prior.

        Args:
            image: path, nibabel image, array or `kregzoo.spatial.Image`.
            count: int >= 1. Number of deformations.
            seed: int.

        Returns:
            List of `Registration`, whose `warped` is the deformed image.

        Raises:
            ValueError: If the image is unusable, or `count` is below 1.
        """
        if count < 1:
            raise ValueError(f"`count` must be at least 1. Received: {count}")
        size = self.model.get_layer("decoder").input[0].shape[-1]
        latents = np.random.default_rng(seed).normal(size=(count, 1, size))
        image = as_image(image, "image")
        return [self._deformed(image, latent.astype("float32")) for latent in latents]

    def transport(self, moving, fixed, image):
        """Transport the deformation between two images to a third image.

        Args:
            moving: path, nibabel image, array or `kregzoo.spatial.Image`: the image
                before the deformation, for example at end diastole.
            fixed: like `moving`, the image after the deformation.
            image: like `moving`, the image to deform.

        Returns:
            A `Registration`, whose `warped` is the deformed image.

        Raises:
            ValueError: If an image is unusable. The message names the argument.
        """
        moving, fixed = as_image(moving, "moving"), as_image(fixed, "fixed")
        pair = CanonicalPair(
            self.preprocessor, moving, fixed, _identity(fixed)
        ).tensors()
        statistics = self._encode([pair["moving"], pair["fixed"]])
        mean, _ = kops.split(statistics, 2, axis=-1)
        return self._deformed(as_image(image, "image"), mean)

    def _deformed(self, image, latent):
        timer = Timer()
        pair = CanonicalPair(self.preprocessor, image, image, _identity(image))
        inputs = map(kops.convert_to_tensor, (latent, pair.tensors()["moving"]))
        velocity = self._decode(list(inputs))
        deformable = field_transform(velocity, pair.grid, VelocityTransform)
        transform = CompositeTransform([deformable, pair.initial])
        return Registration(image, image, transform, timer.seconds())


def _identity(image):
    return AffineTransform(np.eye(image.grid.ndim + 1))
