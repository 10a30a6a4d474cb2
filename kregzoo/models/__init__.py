"""The systems, one module each, in one folder for each chapter of the survey.

The folder `after_the_survey` holds newer networks.

Every module in these folders that defines `SYSTEM` is discovered automatically: the
builder becomes an attribute of `kregzoo.models`, and `kregzoo train` accepts the name.
"""

import importlib
import pkgutil


def _discover():
    systems = {}
    for module in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
        system = getattr(importlib.import_module(module.name), "SYSTEM", None)
        if system is not None:
            systems[system.name] = system
    return systems


SYSTEMS = _discover()
globals().update({s.builder.__name__: s.builder for s in SYSTEMS.values()})
