"""Training: the model base class, pairs of images, recipes."""

from kregzoo.training.adversarial import Adversary, Discriminator
from kregzoo.training.appearance import AppearanceModel
from kregzoo.training.fitting import fit, transfer_weights
from kregzoo.training.pairs import (
    PairDataset,
    Pose,
    image_keys,
    load_images,
    read_dataset,
)
from kregzoo.training.registration_model import RegistrationModel
from kregzoo.training.synthesis import (
    RandomDeformations,
    SyntheticPairs,
    augment_shapes,
)
from kregzoo.training.system import Recipe, Scale, System

__all__ = [
    "Adversary",
    "AppearanceModel",
    "Discriminator",
    "PairDataset",
    "Pose",
    "RandomDeformations",
    "Recipe",
    "RegistrationModel",
    "Scale",
    "SyntheticPairs",
    "System",
    "fit",
    "image_keys",
    "load_images",
    "read_dataset",
    "augment_shapes",
    "transfer_weights",
]
