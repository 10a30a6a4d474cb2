"""Model zoo of deep-learning medical image registration for Keras 3."""

import importlib
import typing

from kregzoo.utils.first_import import after_keras

if typing.TYPE_CHECKING:
    from kregzoo import (
        agents,
        blocks,
        evaluation,
        layers,
        losses,
        metrics,
        models,
        ops,
        registrars,
        report,
        spatial,
        training,
        zoo,
    )
    from kregzoo.registrars import register
    from kregzoo.zoo import list_models, load

__version__ = "0.1.0"

__all__ = [
    "agents",
    "blocks",
    "evaluation",
    "layers",
    "list_models",
    "load",
    "losses",
    "metrics",
    "models",
    "ops",
    "register",
    "registrars",
    "report",
    "spatial",
    "training",
    "zoo",
]

_FUNCTIONS = {"list_models": "zoo", "load": "zoo", "register": "registrars"}
_PACKAGES = set(__all__) - set(_FUNCTIONS)
# Packages whose classes `keras.models.load_model` finds by their registered names.
_SERIALIZABLE = ("layers", "losses", "metrics", "training", "models")
# Modules that do not import Keras, so that the command line shows help at once.
_WITHOUT_KERAS = ("cli", "cohort", "utils")


def __getattr__(name):
    """Import a public name on first use, because importing Keras takes seconds."""
    if name in _FUNCTIONS:
        package = importlib.import_module(f"{__name__}.{_FUNCTIONS[name]}")
        return getattr(package, name)
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})


def _register_classes():
    for name in _SERIALIZABLE:
        importlib.import_module(f"{__name__}.{name}")


def _needs_keras(module):
    package, _, name = module.rpartition(".")
    return package == __name__ and name not in _WITHOUT_KERAS


after_keras(_register_classes, _needs_keras)
