"""Loading a preset, and affine registration of whole images."""

from functools import cache

import numpy as np

from kregzoo import zoo
from kregzoo.evaluation.baselines.presets import presets_of
from kregzoo.evaluation.baselines.sitk import centered, optimize_mutual_information
from kregzoo.evaluation.benchmark_cases.benchmark_case import Benchmark, Implementation
from kregzoo.spatial import AffineTransform, Image, itk
from kregzoo.training import Pose
from kregzoo.utils.extras import import_extra

# Data of the presets to time.
DATA = "brain_t1"


def affine_registrations():
    """Define the benchmark of registering the MNI152 template affinely."""
    theirs = Implementation("mutual information", _mutual_information, "SimpleITK")
    return Benchmark(
        "affine registration", Implementation("kregzoo", _affine), (theirs,)
    )


def loads():
    """Define the benchmark of loading a preset."""
    return Benchmark("load", Implementation("kregzoo", _load))


def _load():
    name, *_ = presets_of(DATA, lambda metadata: metadata["predicts"] == "velocity")
    return lambda: zoo.load(name)


@cache
def brains():
    """Return the MNI152 template at 1 mm, with and without a random affine."""
    datasets = import_extra("nilearn.datasets", "The benchmark", "bench")
    fixed = Image.from_nibabel(datasets.load_mni152_template(resolution=1))
    motion = Pose(rotation=10.0, scale=0.05, shift=10.0, shear=0.05)
    matrix = motion.draw(np.random.default_rng(2), fixed.grid.center)
    return fixed.resample(fixed.grid, AffineTransform(matrix)), fixed


def _affine():
    name, *_ = presets_of(DATA, lambda metadata: metadata["predicts"] == "affine")
    registrar = zoo.load(name)
    moving, fixed = brains()
    return lambda: registrar.register(moving, fixed, progress=False)


def _mutual_information():
    moving, fixed = (
        itk.to_image(image.array.astype("float32"), image.grid) for image in brains()
    )

    def work():
        transform = centered(fixed, moving, "MOMENTS")
        optimize_mutual_information(fixed, moving, transform)
        return transform

    return work
