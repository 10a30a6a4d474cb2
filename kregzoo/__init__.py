"""Model zoo of deep-learning medical image registration for Keras 3."""

from kregzoo import (
    blocks,
    layers,
    losses,
    metrics,
    models,
    ops,
    registrars,
    spatial,
    training,
    zoo,
)
from kregzoo.zoo import list_models, load

__version__ = "0.1.0"

__all__ = [
    "blocks",
    "layers",
    "list_models",
    "load",
    "losses",
    "metrics",
    "models",
    "ops",
    "registrars",
    "spatial",
    "training",
    "zoo",
]
