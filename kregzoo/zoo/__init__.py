"""Load, list and train presets by name."""

from kregzoo.zoo.cards import card, record_metrics
from kregzoo.zoo.loading import ModelRecord, list_models, load, push, table
from kregzoo.zoo.systems import find_system, register_system
from kregzoo.zoo.training import train, training_pairs

__all__ = [
    "ModelRecord",
    "card",
    "find_system",
    "list_models",
    "load",
    "push",
    "record_metrics",
    "register_system",
    "table",
    "train",
    "training_pairs",
]
