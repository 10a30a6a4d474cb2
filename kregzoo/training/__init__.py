"""Training: the model base class, datasets, data strategies, trainers and recipes."""

from kregzoo.training.adversarial import Adversarial, Adversary, Discriminator
from kregzoo.training.appearance import AppearanceModel
from kregzoo.training.data import (
    Environments,
    ImagePairs,
    ImageViews,
    KnownAffines,
    SyntheticDeformations,
)
from kregzoo.training.dataset import image_keys, load_images, read_dataset
from kregzoo.training.pairs import PairDataset
from kregzoo.training.pose import Pose
from kregzoo.training.registration_model import RegistrationModel
from kregzoo.training.synthesis import (
    RandomDeformations,
    SyntheticPairs,
    augment_shapes,
)
from kregzoo.training.system import Images, Recipe, Scale, System
from kregzoo.training.trainers import Staged, Supervised, Trained, transfer_weights

__all__ = [
    "Adversarial",
    "Adversary",
    "AppearanceModel",
    "Discriminator",
    "Environments",
    "ImagePairs",
    "ImageViews",
    "Images",
    "KnownAffines",
    "PairDataset",
    "Pose",
    "RandomDeformations",
    "Recipe",
    "RegistrationModel",
    "Scale",
    "Staged",
    "Supervised",
    "SyntheticDeformations",
    "SyntheticPairs",
    "System",
    "Trained",
    "augment_shapes",
    "image_keys",
    "load_images",
    "read_dataset",
    "transfer_weights",
]
