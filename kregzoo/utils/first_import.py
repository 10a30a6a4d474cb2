"""Run code around the first import of Keras, which may come before or after ours.

Importing Keras takes seconds, and TensorFlow writes messages meanwhile. So the package
does not import Keras until it is needed, and then silently.
"""

import contextlib
import importlib.abc
import os
import sys


def after_keras(action, needs_keras):
    """Run a function once, as soon as Keras is imported.

    Args:
        action: function without arguments. It runs now if Keras is imported; else after
            the first import of Keras, or of a module that needs Keras.
        needs_keras: function of a module's name that says if the module imports Keras.
            Then Keras is imported first, and `action` waits until the module is
            complete, because `action` may import it too.
    """
    if "keras" in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Finder(action, needs_keras))


@contextlib.contextmanager
def silenced_stderr():
    """Discard what native code writes to standard error.

    TensorFlow writes to it while it is imported, before any of its settings apply.
    """
    try:
        kept = os.dup(2)
    except OSError:
        # A process without standard error has nothing to silence.
        yield
        return
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds Keras and what needs it by the other finders, and wraps the loaders."""

    def __init__(self, action, needs_keras):
        self.action = action
        self.needs_keras = needs_keras

    def find_spec(self, name, path=None, target=None):
        if name != "keras" and not self.needs_keras(name):
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = _Loader(spec.loader, self)
                return spec
        return None


class _Loader(importlib.abc.Loader):
    """Loads a module by its own loader, after Keras and before the finder's action."""

    def __init__(self, loader, finder):
        self.loader = loader
        self.finder = finder

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self.finder)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if module.__name__ == "keras":
            with silenced_stderr():
                self.loader.exec_module(module)
        else:
            with silenced_stderr():
                import keras  # noqa: F401
            self.loader.exec_module(module)
        self.finder.action()
