"""Load, list and train presets by name."""

from kregzoo.zoo.auto import AUTO, AutoRegistrar
from kregzoo.zoo.cards import card, record_metrics
from kregzoo.zoo.loading import ModelRecord, list_models, load, push, table
from kregzoo.zoo.systems import find_system, register_system
from kregzoo.zoo.training import train, training_pairs
from kregzoo.zoo.training_images import record_training_features

__all__ = [
    "AUTO",
    "AutoRegistrar",
    "ModelRecord",
    "card",
    "find_system",
    "list_models",
    "load",
    "push",
    "record_metrics",
    "record_training_features",
    "register_system",
    "table",
    "train",
    "training_pairs",
]
