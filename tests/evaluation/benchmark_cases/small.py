"""Benchmarks of small images, and the work of their implementations."""

import keras
import numpy as np

from kregzoo.evaluation.benchmark_cases.cases import benchmarks

SIZE = (16, 16, 16)
# Where the slope of an image has one meaning: on the border it is ours to choose.
INNER = (slice(1, -1),) * 3


def defined(name):
    (found,) = [b for b in benchmarks(SIZE, SIZE) if b.name == name]
    return found


def implementation(name, of):
    (found,) = [c for c in defined(of).available if c.name == name]
    return found.make()


def numpy_of(tensor):
    return np.squeeze(np.asarray(keras.ops.convert_to_numpy(tensor)))
