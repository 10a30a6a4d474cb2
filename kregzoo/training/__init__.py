"""Training: the model base class, pairs of images, recipes."""

from kregzoo.training.adversarial import Adversary, Discriminator
from kregzoo.training.agents import GreedyReturns
from kregzoo.training.appearance import AppearanceModel
from kregzoo.training.fitting import fit, transfer_weights
from kregzoo.training.pairs import (
    PairDataset,
    Pose,
    image_keys,
    load_images,
    read_dataset,
)
from kregzoo.training.q_learning import QLearning
from kregzoo.training.registration_model import RegistrationModel
from kregzoo.training.synthesis import (
    RandomDeformations,
    SyntheticPairs,
    reshaped,
)
from kregzoo.training.system import Recipe, Scale, System

__all__ = [
    "Adversary",
    "AppearanceModel",
    "Discriminator",
    "GreedyReturns",
    "PairDataset",
    "Pose",
    "QLearning",
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
    "reshaped",
    "transfer_weights",
]
