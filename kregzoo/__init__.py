"""Model zoo of deep-learning medical image registration for Keras 3."""

import pathlib
import sys

__version__ = "0.1.0"

# The command imports what it needs once it knows what is asked, so that its help comes
# at once; everyone else finds every layer, loss and metric registered with Keras.
if pathlib.Path((sys.argv or [""])[0]).stem != "kregzoo":
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
    from kregzoo.registrars import register
    from kregzoo.zoo import list_models, load

    __all__ = [
        "blocks",
        "layers",
        "list_models",
        "load",
        "losses",
        "metrics",
        "models",
        "ops",
        "register",
        "registrars",
        "spatial",
        "training",
        "zoo",
    ]
