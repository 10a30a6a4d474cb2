"""Run code at the first import of Keras, before or after the import of kregzoo.

Importing Keras takes seconds, and TensorFlow prints messages during its import. The
package therefore imports Keras only when it is needed, and silently.
"""

import contextlib
import importlib.abc
import os
import sys


def after_keras(action, needs_keras):
    """Run a function once, as soon as Keras is imported.

    Args:
        action: function without arguments. It runs now if Keras is already imported,
            otherwise after the first import of Keras, or of a module that needs Keras.
        needs_keras: function of the name of a module that returns whether the module
            imports Keras. If so, Keras is imported first, and `action` runs after the
            import of the module, because `action` may import the module, too.
    """
    if "keras" in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Finder(action, needs_keras))


@contextlib.contextmanager
def silenced_stderr():
    """Discard what native code writes to standard error.

    TensorFlow prints messages during its import, before any of its settings apply.
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
    """Find Keras and modules that need it by the other finders; wrap the loaders."""

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
    """Load a module by its loader, after Keras and before the finder's action."""

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
