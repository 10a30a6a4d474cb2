"""Registration by a network that is a generative model of deformations."""

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
    """Registers, draws deformations of an image, and moves one to another image.

    The network has a layer `"encoder"`, of both images to the means and logarithms of
    variances of latent variables, and a layer `"decoder"`, of latent variables and a
    moving image to a velocity: Krebs et al., IEEE TMI 2019.

    Args:
        *args: of `OneStepRegistrar`.
        **kwargs: of `OneStepRegistrar`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._encode, self._decode = (
            ops.compiled(part, model=part)
            for part in map(self.model.get_layer, ("encoder", "decoder"))
        )

    def sample(self, image, count=1, seed=0):
        """Draw deformations of an image from the prior.

        Args:
            image: path, nibabel image, array or `kregzoo.spatial.Image`.
            count: int >= 1.
            seed: int.

        Returns:
            List of `Registration`, of which `warped` is the image deformed.

        Raises:
            ValueError: for an image that is not usable, or a `count` below 1.
        """
        if count < 1:
            raise ValueError(f"`count` must be at least 1. Received: {count}")
        size = self.model.get_layer("decoder").input[0].shape[-1]
        latents = np.random.default_rng(seed).normal(size=(count, 1, size))
        image = as_image(image, "image")
        return [self._deformed(image, latent.astype("float32")) for latent in latents]

    def transport(self, moving, fixed, image):
        """Deform an image as another was from one time to the next.

        Args:
            moving: path, nibabel image, array or `kregzoo.spatial.Image`: the image
                whose deformation to the next is found.
            fixed: likewise, the next one.
            image: likewise, the one to deform.

        Returns:
            A `Registration`, of which `warped` is the image deformed.

        Raises:
            ValueError: for an image that is not usable, naming the argument.
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
