"""Benchmarks and their implementations."""

import dataclasses
import importlib.metadata
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Implementation:
    """Implementation of the work of a benchmark.

    Args:
        name: str.
        make: callable without arguments that prepares inputs and networks. It returns a
            callable that does the work and waits for the result.
        package: str. The distribution that it needs; None for ours.
        parameters: callable that returns the number of trainable parameters of its
            network; None without a network.
        obstacle: callable that says why it cannot run although its package is
            installed, or returns None.
    """

    name: str
    make: Callable
    package: str | None = None
    parameters: Callable | None = None
    obstacle: Callable | None = None

    @property
    def version(self):
        """Version of the package; None if it is not installed."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None

    @property
    def missing(self):
        """Why it cannot run; None if it can."""
        if self.package is not None and self.version is None:
            return "not installed"
        return self.obstacle and self.obstacle()


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Work to time in our implementation and in others.

    Args:
        name: str.
        ours: the `Implementation` that the ratios are relative to.
        others: tuple of `Implementation`.
        size: tuple, the voxels of the images along each axis; empty without images.
        memory: bool. Measure the peak memory, too.
    """

    name: str
    ours: Implementation
    others: tuple = ()
    size: tuple = ()
    memory: bool = False

    @property
    def available(self):
        """The implementations that can run here, ours first."""
        return [i for i in (self.ours, *self.others) if i.missing is None]
