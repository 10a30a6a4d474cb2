"""Networks that were never trained, and pairs of images for them."""

import keras
import numpy as np

from kregzoo.models import VoxelMorph, VoxelMorphDiff
from kregzoo.spatial import Preprocessor
from tests.phantoms import Phantom, linear_map, rotated_grid

FRAME = {n: Preprocessor(4.0, ((32,) * n,)) for n in (2, 3)}
# What each predicts, at full or at half resolution.
BUILDERS = {
    "half displacement": lambda shape: VoxelMorph(shape, "vm1", half_resolution=True),
    "velocity": lambda shape: VoxelMorph(shape, "vm1", integration_steps=7),
    "half velocity": VoxelMorphDiff,
}


def network(kind, ndim):
    """A network that was never trained, with a head strong enough to deform."""
    keras.utils.set_random_seed(1)
    model = BUILDERS[kind]((None,) * ndim + (1,))
    head = next(
        layer for layer in model.layers if layer.name in ("flow", "velocity_mean")
    )
    kernel, bias = head.get_weights()
    rng = np.random.default_rng(0)
    # Of velocities only what differs between the directions is left.
    strength = 1.5 if "velocity" in model.output else 0.05
    head.set_weights([rng.normal(0, strength, kernel.shape), bias])
    return model


def pair(ndim=2, truth=None):
    """A pair of oblique images of one phantom, and the phantom."""
    phantom = Phantom(ndim, radius=30.0)
    moving = phantom.image(rotated_grid((30, 28, 26)[:ndim], 3.7, 12.0))
    truth = truth or linear_map(ndim, degrees=5.0, shift=4.0)
    fixed = phantom.image(rotated_grid((28, 31, 27)[:ndim], 3.8, -7.0), truth)
    return phantom, moving, fixed
