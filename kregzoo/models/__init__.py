"""The surveyed systems, one file each, in folders that are the survey's chapters.

Every module below that defines `SYSTEM` is found here by itself: its builder becomes an
attribute of `kregzoo.models`, and its name a system that `kregzoo train` knows.
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
